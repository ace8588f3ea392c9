"""Every entry of the transition table changed to every other action, in this process.

A mutant is tried against the two tests of the table first, called as they are; what they do not
notice is left to the rest of the ledger's tests. Most die within a hundredth of a second.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from afterword_sidecar.ledger import bookkeeping, hearing
from afterword_sidecar.ledger.transitions import ROWS, Action, Kind, State

LEDGER_TESTS: Final = Path(__file__).parents[2] / "sidecar" / "ledger"
_TABLE: Final = LEDGER_TESTS / "test_transitions.py"
_REST: Final = ("test_closely.py", "test_book.py", "test_lives.py", "test_overtaken.py")
_OBSERVED: Final = (State.SPANNED, Action.FINALISE)
"""A span's verdict is final when it is pronounced: making it final changes nothing, ever."""


class Mutant(NamedTuple):
    """One entry with another action."""

    state: State
    kind: Kind
    action: Action

    def __str__(self) -> str:
        was = ROWS[self.state][self.kind]
        return f"{self.state.name}, {self.kind.name}: {was.name} -> {self.action.name}"

    @property
    def equivalent(self) -> bool:
        """Whether it cannot be told from the original."""
        ignored = ROWS[self.state][self.kind] is Action.IGNORE
        return ignored and (self.state, self.action) == _OBSERVED


def mutants() -> Iterator[Mutant]:
    """All there are."""
    for state in State:
        for kind in Kind:
            for action in Action:
                if action is not ROWS[state][kind]:
                    yield Mutant(state, kind, action)


def killed(mutant: Mutant) -> bool:
    """Whether a test notices."""
    with _applied(mutant):
        return _table_tests_fail(mutant) or _other_tests_fail()


@contextmanager
def _applied(mutant: Mutant) -> Iterator[None]:
    """The ledger goes by the table with this mutant in it."""
    rows = [list(row) for row in ROWS]
    rows[mutant.state][mutant.kind] = mutant.action
    changed = tuple(map(tuple, rows))
    with pytest.MonkeyPatch.context() as patch:
        for module in (bookkeeping, hearing):  # both look it up by this name
            patch.setattr(module, "ROWS", changed)
        yield


@cache
def _table_tests() -> tuple[Callable[[State], None], Callable[[State, Kind], None]]:
    found = spec_from_file_location("tests_of_the_table", _TABLE)
    if found is None or found.loader is None:
        raise ImportError(str(_TABLE))
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return (
        module.test_what_the_document_leaves_blank_changes_nothing,
        module.test_every_state_answers_every_kind_of_evidence,
    )


def _table_tests_fail(mutant: Mutant) -> bool:
    blank, entry = _table_tests()
    try:
        entry(mutant.state, mutant.kind)
        blank(mutant.state)
        for state in State:  # the change may stand in the way of another's setting
            for kind in Kind:
                entry(state, kind)
    except Exception:  # noqa: BLE001 - whatever it is, it is noticed
        return True
    return False


def _other_tests_fail() -> bool:
    paths = [str(LEDGER_TESTS / name) for name in _REST]
    unheard = io.StringIO()
    with redirect_stdout(unheard), redirect_stderr(unheard):
        result = pytest.main([*paths, "-x", "-q", "-p", "no:cacheprovider"])
    return result != pytest.ExitCode.OK
