"""The table of settings for the documentation; a test keeps ``docs/settings.md`` equal to it.

``python -m afterword_sidecar.settings.documentation docs/settings.md`` writes it anew.
"""

import sys
from itertools import groupby
from pathlib import Path
from typing import Final

from afterword_sidecar.settings.table import SETTINGS, Setting

BEGIN: Final = "<!-- sidecar settings: made from the code, do not edit -->"
END: Final = "<!-- end of sidecar settings -->"


def settings_tables() -> str:
    """The sidecar's settings as Markdown, one table a group."""
    parts = []
    for group, settings in groupby(SETTINGS, key=lambda setting: setting.group):
        rows = "\n".join(_row(setting) for setting in settings)
        head = "| flag | environment | default | what it does |\n|---|---|---|---|"
        parts.append(f"### {group}\n\n{head}\n{rows}\n")
    return "\n".join(parts)


def with_tables(document: str) -> str:
    """``document`` with what stands between the markers replaced. Raises ``ValueError``."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no markers: put {BEGIN} and {END} into it")
    return f"{before}{BEGIN}\n\n{settings_tables()}\n{END}{after}"


def _row(setting: Setting) -> str:
    flag = "(environment only)" if setting.secret else f"`{setting.flag} {setting.metavar}`"
    default = f"`{setting.default}`" if setting.default else "none"
    cells = (flag, f"`{setting.variable}`", default, setting.help)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
