"""``afterword sidecar``: settings from flags and environment, then run until stopped."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from afterword_sidecar.cli.errors import CommandError
from afterword_sidecar.cli.running import run_until_stopped
from afterword_sidecar.logs import configure_logging
from afterword_sidecar.settings import (
    SETTINGS,
    Problem,
    Setting,
    Settings,
    SettingsError,
    check_places,
    read_settings,
)
from afterword_sidecar.spool.errors import SpoolError
from afterword_sidecar.stores.contract import StoreError


class WrongSettingsError(CommandError):
    """Nothing was started."""

    exit_code = 2


def _option(setting: Setting) -> Callable[[Callable[..., None]], Callable[..., None]]:
    default = f"  [default: {setting.default}]" if setting.default else ""
    return click.option(
        setting.flag,
        setting.name,
        metavar=setting.metavar,
        help=f"{setting.help}  [{setting.variable}]{default}",
    )


def _with_flags(command: Callable[..., None]) -> Callable[..., None]:
    for setting in reversed(SETTINGS):
        if not setting.secret:
            command = _option(setting)(command)
    return command


@click.command(
    epilog="AFTERWORD_TOKEN, in the environment only, is the bearer token clients must send. "
    "Durations: 90s, 15m, 7d. Sizes: 20MiB."
)
@_with_flags
def sidecar(**flags: Any) -> None:
    """Receive evidence, keep the book, and show it, until stopped (SIGTERM, SIGINT)."""
    settings = _settings({name: text for name, text in flags.items() if text is not None})
    configure_logging(settings.log_level, settings.log_format)
    try:
        run_until_stopped(settings)
    except (StoreError, SpoolError, OSError) as error:
        raise CommandError(f"the sidecar cannot run: {error}") from error


def _settings(flags: dict[str, str]) -> Settings:
    flags = _spool_from_here(flags)
    problems = check_places(flags, os.environ)
    try:
        settings = read_settings(flags, os.environ)
    except SettingsError as error:
        problems = [*error.problems, *problems]
    else:
        if not problems:
            return settings
    raise _refusal(problems)


def _spool_from_here(flags: dict[str, str]) -> dict[str, str]:
    """A relative ``--spool`` made absolute: so it is logged, and set for the applications."""
    if not flags.get("spool"):
        return flags
    return flags | {"spool": str(Path(flags["spool"]).absolute())}


def _refusal(problems: list[Problem]) -> WrongSettingsError:
    count = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
    lines = "".join(f"\n  {problem}" for problem in problems)
    return WrongSettingsError(f"{count} wrong:{lines}")
