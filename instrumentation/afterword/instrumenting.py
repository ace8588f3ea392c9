"""``instrument``: watches the deferred work that an application's own code hands to its platform.

The registry names modules and imports them when asked for: ``import afterword`` pays for none.
"""

from importlib import import_module
from typing import Final, NamedTuple

from afterword import internal_errors, settings
from afterword.internal_errors import logger
from afterword.platforms import PlatformError


class Platform(NamedTuple):
    """One entry of the registry."""

    module: str
    """Ours: has ``instrument()`` and ``uninstrument()``."""
    package: str
    """Theirs: what must be importable for there to be something to watch."""
    distribution: str
    """What to install for it; empty where Python brings it."""
    by_default: bool = True
    """Whether ``instrument()`` without names includes it: it needs no configuration."""
    setting: str = ""
    """Of ``Settings``: what turns it on by default, for one that does need configuration."""


PLATFORMS: Final = {
    "vercel": Platform("afterword.platforms.vercel", "vercel.functions", "vercel"),
    "starlette": Platform("afterword.platforms.starlette", "starlette", "starlette"),
    "fastapi": Platform("afterword.platforms.starlette", "fastapi", "fastapi", by_default=False),
    "asyncio": Platform(
        "afterword.platforms.asyncio", "asyncio", "", by_default=False, setting="asyncio_tasks"
    ),
    "shutdown": Platform("afterword.platforms.shutdown", "signal", ""),
}
"""By the name that ``instrument`` takes."""


def instrument(*names: str) -> None:
    """Watch the deferred work of these platforms. Call it once, where the application starts.

    Code that has imported a platform's functions already is watched too. Doing it again changes
    nothing. Nothing is raised: a platform that is not installed, or that is not as we know it, is
    told to the log once, and goes on unwatched.

    Args:
        names: Of platforms: ``vercel``, ``starlette`` (``fastapi`` is the same), ``asyncio``,
            ``shutdown`` (how the process stops). None of them: every platform that is installed and
            needs no configuration, or has it.
    """
    if not names:
        instrument_by_default(*PLATFORMS)
    for name in names:
        _instrument(name)


def instrument_by_default(*names: str) -> None:
    """Watch those of these platforms that ``instrument()`` includes: installed, and configured."""
    for name in names:
        platform = PLATFORMS[name]
        if _is_on_by_default(platform) and _is_installed(platform):
            _instrument(name)


def uninstrument(*names: str) -> None:
    """Undo ``instrument``: the platforms' functions are as they were. Never raises.

    Tasks that are in flight are watched to their end.

    Args:
        names: Of platforms; none of them: all.
    """
    import sys  # noqa: PLC0415 - of the few who undo it

    for name in names or PLATFORMS:
        platform = PLATFORMS.get(name)
        module = sys.modules.get(platform.module) if platform is not None else None
        if module is None:
            continue  # never instrumented
        try:
            module.uninstrument()
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle(f"restoring {name}")


def _instrument(name: str) -> None:
    platform = PLATFORMS.get(name)
    if platform is None:
        _tell(f"{name!r} is no platform we know; instrument takes {', '.join(PLATFORMS)}")
        return
    if not _is_installed(platform):
        hint = f": pip install {platform.distribution}" if platform.distribution else ""
        _tell(f"{name} is not watched, as {platform.package} is not installed{hint}")
        return
    try:
        import_module(platform.module).instrument()
    except PlatformError as error:
        _tell(f"{name} is not watched: {error}")
    except ImportError as error:
        _tell(f"{name} is not watched, as {platform.package} cannot be imported: {error}")
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle(f"instrumenting {name}")


def _is_on_by_default(platform: Platform) -> bool:
    if platform.setting:
        return bool(getattr(settings.current(), platform.setting))
    return platform.by_default


def _is_installed(platform: Platform) -> bool:
    from importlib.util import find_spec  # noqa: PLC0415 - not part of importing afterword

    try:
        return find_spec(platform.package) is not None
    except (ImportError, ValueError):  # its parent is missing, or is something of another kind
        return False


def _tell(sentence: str) -> None:
    logger.warn_once(sentence, "afterword: %s", sentence)
