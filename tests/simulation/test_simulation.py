"""The seeded simulation, small: the book says of every task what the world knows."""

import pytest

from afterword_sidecar.ledger import verdicts
from afterword_sidecar.ledger.sequences import SequenceSet
from afterword_sidecar.ledger.totals import Totals
from worlds.simulation.judge import WrongVerdictError
from worlds.simulation.run import simulate
from worlds.simulation.sidecar import OutOfBalanceError


@pytest.mark.parametrize("seed", range(4))
def test_the_book_agrees_with_the_world(seed: int) -> None:
    """Loss, copies, reordering, crashes, freezes, forks, skew: no task wrong, always balanced."""
    result = simulate(seed, tasks=8_000)
    assert result.tasks == result.kinds.total() - result.kinds["amended"]
    assert result.tasks >= 8_000
    assert result.kinds["completed/completed/observed"] > result.tasks / 2
    assert any("proven" in kind for kind in result.kinds)
    assert any("inferred" in kind for kind in result.kinds)
    assert any("rollup" in kind for kind in result.kinds)
    assert any("spool that was removed" in kind for kind in result.kinds)


def test_a_wrong_rule_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation can fail: a book that calls every loss expired does not get through."""
    monkeypatch.setattr(verdicts, "_decide", lambda *_: (14, "dropped", "expired"))
    with pytest.raises(WrongVerdictError):
        simulate(1, tasks=8_000)


def test_a_proof_too_many_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation can fail: what was removed unread is missing to a book that says proven."""
    monkeypatch.setattr(verdicts, "can_be_proven", lambda *_: True)
    with pytest.raises(WrongVerdictError, match="proven"):
        simulate(1, tasks=8_000)


def test_a_count_too_many_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation can fail: an amendment that is not counted upsets the balance at once."""
    monkeypatch.setattr(
        Totals,
        "amend",
        lambda self, account, _b, after, now: self._pronounce(account, after, now, 1),
    )
    with pytest.raises(OutOfBalanceError):
        simulate(1, tasks=8_000)


def test_a_hole_too_few_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation can fail: a book that takes what is missing for seen does not get through."""
    monkeypatch.setattr(SequenceSet, "missing", lambda *_: 0)
    with pytest.raises(WrongVerdictError):
        simulate(1, tasks=8_000)
