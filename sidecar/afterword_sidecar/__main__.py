"""``afterword`` on the command line, and ``python -m afterword_sidecar``."""

import importlib.util
import sys
from typing import Final

NEEDED: Final = ("aiohttp", "click", "google.protobuf", "msgspec", "prometheus_client", "rich")
"""What the extra ``sidecar`` installs and every command imports."""
_INTERRUPTED: Final = 130
"""The exit code, as shells have it for SIGINT."""


def main() -> None:
    """Run the command; say what to install where the ``sidecar`` extra is missing."""
    missing = [name for name in NEEDED if not _installed(name)]
    if missing:
        sys.exit(
            f"afterword: the sidecar's dependencies are not installed: {', '.join(missing)}\n"
            "  install them with: pip install 'afterword[sidecar]'"
        )
    try:
        # They need what was just asked for.
        from afterword_sidecar.cli import afterword  # noqa: PLC0415
        from afterword_sidecar.cli.terminal import survive_any_locale  # noqa: PLC0415

        survive_any_locale()
        afterword(prog_name="afterword")
    except KeyboardInterrupt:  # while it was being imported; the command line sees to all others
        sys.exit(_INTERRUPTED)
    except OSError as error:  # a full disk under what is written: a misfortune, and no bug
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"Error: cannot write all of it: {where}{error.strerror or error}")


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:  # its parent is missing
        return False


if __name__ == "__main__":
    main()
