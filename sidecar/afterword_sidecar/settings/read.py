"""From flags and environment to one ``Settings``; all that is wrong is reported together.

Flags win over the environment. Reads the given mappings only; what is to be seen
in the file system (the places of database, spool and journal) is checked by ``check_places``.
"""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from afterword_sidecar.settings.otlp_exporter import read_destinations
from afterword_sidecar.settings.problem import Problem
from afterword_sidecar.settings.quantities import RefusedError
from afterword_sidecar.settings.table import ENVIRONMENT_PREFIX, SETTINGS, Setting, Settings

IN_MEMORY: Final = ":memory:"
_PLACES: Final = {"database": (IN_MEMORY, False), "spool": ("", True), "journal": ("", True)}
"""Settings that name a place: what names none, and whether it is a directory."""
_SHOWN_CHARACTERS: Final = 80
_ALIKE: Final = 0.7
"""How alike a misspelt name must be, 0 to 1, for its neighbour to be suggested."""
_PUT_THERE_BY_KUBERNETES: Final = re.compile(
    r"\w+_(SERVICE_(HOST|PORT\w*)=.*|PORT_\d+_\w+=.*|PORT=(tcp|udp|sctp)://.*)"
)
"""A Service named ``afterword``, ``afterword-sidecar`` or the like leaves these in every container
of its namespace."""


class SettingsError(Exception):
    """Settings that cannot be used: every wrong one, with name, value, reason and hint."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


def read_settings(flags: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """The settings given by ``flags`` (by field name), then ``environment``, then the defaults.

    An empty environment variable counts as not set. Raises ``SettingsError``.
    """
    problems: list[Problem] = _unknown_variables(environment)
    values: dict[str, object] = {}
    for setting in SETTINGS:
        told_by, text = _told(setting, flags, environment)
        try:
            values[setting.name] = setting.parse(text)
        except RefusedError as refused:
            problems.append(Problem(told_by, _shown(setting, text), refused.why, refused.hint))
    problems += _spool_relative(flags, environment)
    problems += _journal_of_nothing(values)
    problems += _place_clash(values)
    problems += _port_clash(values)
    problems += _sizes_reversed(values)
    values["upstream"], wrong = read_destinations(environment, values.get("receiver_port"))
    problems += wrong
    if problems:
        raise SettingsError(problems)
    return msgspec.convert(values, Settings)


def check_places(flags: Mapping[str, str], environment: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the places that are named, as they stand. Changes nothing.

    Takes what ``read_settings`` takes, as whatever is wrong is told together.
    """
    problems = []
    for setting in SETTINGS:
        if setting.name in _PLACES:
            nowhere, wants_directory = _PLACES[setting.name]
            _, place = _told(setting, flags, environment)
            if place != nowhere:
                problems += _place(setting, place, Path(place), wants_directory=wants_directory)
    return problems


def _told(
    setting: Setting, flags: Mapping[str, str], environment: Mapping[str, str]
) -> tuple[str, str]:
    if setting.name in flags:
        return setting.flag, flags[setting.name]
    given = environment.get(setting.variable, "")
    return setting.variable, given or setting.default


def _shown(setting: Setting, text: str) -> str:
    if setting.secret:
        return "(not shown)"
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def _unknown_variables(environment: Mapping[str, str]) -> list[Problem]:
    """Misspelt variables: one that is quietly ignored is a setting the operator believes in.

    ``AFTERWORD_…`` without ``SIDECAR`` may be the application's, and is one of ours only where it
    is near to one.
    """
    known = {_after_prefix(setting.variable): setting.variable for setting in SETTINGS}
    problems = []
    for name in sorted(environment):
        if not name.startswith("AFTERWORD_") or name in known.values():
            continue
        if _PUT_THERE_BY_KUBERNETES.fullmatch(f"{name}={environment[name]}"):
            continue
        near = difflib.get_close_matches(_after_prefix(name), known, n=1, cutoff=_ALIKE)
        if near or name.startswith(ENVIRONMENT_PREFIX):
            hint = f"did you mean {known[near[0]]}?" if near else "see `afterword sidecar --help`"
            # Its value is not shown: nobody knows whether it was meant as a secret.
            problems.append(Problem(name, None, "there is no such setting", hint))
    return problems


def _after_prefix(variable: str) -> str:
    """What tells a variable from the others; the prefix would make all of them alike."""
    return variable.removeprefix(ENVIRONMENT_PREFIX).removeprefix("AFTERWORD_")


def _spool_relative(flags: Mapping[str, str], environment: Mapping[str, str]) -> list[Problem]:
    """The variable is the application's too, which may run elsewhere; a flag is for this process.

    The application refuses a relative one, so both would wait for each other in two directories.
    """
    given = environment.get("AFTERWORD_SPOOL", "")
    if not given or "spool" in flags or Path(given).is_absolute():
        return []
    hint = "name the directory from the root, as the application must"
    return [Problem("AFTERWORD_SPOOL", given, "it is not an absolute path", hint)]


def _journal_of_nothing(values: Mapping[str, object]) -> list[Problem]:
    if not values.get("journal") or values.get("database") != IN_MEMORY:
        return []
    hint = "a journal is of a book in a file: give one with --database, or leave the journal out"
    why = "the book is kept in memory and ends with the sidecar"
    return [Problem("--journal", str(values["journal"]), why, hint)]


def _place_clash(values: Mapping[str, object]) -> list[Problem]:
    """Each makes files there that the others do not know."""
    taken: dict[str, str] = {}
    problems = []
    for name, (nowhere, _) in _PLACES.items():
        place = values.get(name)
        if not isinstance(place, str) or place in {"", nowhere}:
            continue
        by = taken.setdefault(os.path.realpath(place), name)
        if by != name:
            hint = "give each a place of its own"
            problems.append(Problem(f"--{name}", place, f"the {by} has that place", hint))
    return problems


def _port_clash(values: Mapping[str, object]) -> list[Problem]:
    port = values.get("operators_port")
    same_port = port and port == values.get("receiver_port")
    if not same_port or values.get("operators_host") != values.get("receiver_host"):
        return []
    hint = "they are two ports so that they can be firewalled apart"
    return [Problem("--operators-port", str(port), "the receiver has that port", hint)]


def _sizes_reversed(values: Mapping[str, object]) -> list[Problem]:
    wire, inflated = values.get("body_bytes"), values.get("inflated_bytes")
    if not isinstance(wire, int) or not isinstance(inflated, int) or wire <= inflated:
        return []
    hint = "a plain body is measured by both limits"
    why = f"it is less than what may come over the wire ({wire} bytes)"
    return [Problem("--inflated-bytes", str(inflated), why, hint)]


def _place(setting: Setting, value: str, path: Path, *, wants_directory: bool) -> list[Problem]:
    def problem(why: str, hint: str) -> list[Problem]:
        return [Problem(f"{setting.flag} ({setting.variable})", value, why, hint)]

    if path.is_dir() != wants_directory and path.exists():
        kind = "a directory" if wants_directory else "a file"
        return problem(f"it is not {kind}", f"name {kind}, or one that can be made")
    needed = path if wants_directory and path.exists() else path.absolute().parent
    if not needed.is_dir():
        return problem(f"there is no directory {needed}", f"make it: mkdir -p {needed}")
    writable = os.access(needed, os.W_OK | os.X_OK)
    if not writable or (path.exists() and not os.access(path, os.R_OK | os.W_OK)):
        return problem("it may not be written to", "give the sidecar's user the right to write it")
    return []
