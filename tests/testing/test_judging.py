"""What a cut cost, judged from what the runs left behind."""

import pytest

from afterword.testing.killing.judging import judge
from afterword.testing.killing.observed import Ended, Happened, Observed, Opened, Suspended

FIRST = Opened(1, 1, "charge", "shop.charge", "{}", "")
SECOND = Opened(2, 2, "mail", "shop.mail", "{}", "")
NESTED = Opened(2, 1, "mail", "shop.mail", "{}", "")
HERE = (Suspended(1, 1, "shop.py:1"),)


def did(*names: str, root: int = 1, idempotent: bool = False) -> tuple[Happened, ...]:
    return tuple(Happened(root, name, [7], idempotent) for name in names)


def run(*happened: Happened, opened: tuple[Opened, ...] = (FIRST,)) -> Observed:
    return Observed(opened, happened=happened, suspended=HERE)


def test_effects_are_lost_or_repeated_by_their_number() -> None:
    """Fewer than in the uncut run is lost, more is repeated, as many is neither."""
    uncut = run(*did("charged", "charged", "mailed", "logged"))
    cut = judge(1, uncut, run(*did("charged", "mailed")), run(*did("mailed", "mailed", "logged")))
    assert (cut.lost, cut.repeated) == (("charged(7)",), ("mailed(7) x 2",))
    assert cut.before == ("charged(7)", "mailed(7)")
    assert cut.is_harmful


def test_what_is_idempotent_may_be_repeated_but_not_lost() -> None:
    """Declared in any run, an effect's repetition is no harm; its absence still is."""
    uncut = run(*did("cached", "indexed", idempotent=True))
    cut = judge(1, uncut, run(*did("cached")), run(*did("cached")))
    assert (cut.repeated, cut.lost) == ((), ("indexed(7)",))


def test_what_the_uncut_run_has_not_is_shown_and_no_harm() -> None:
    """A task that cleans up after itself does what it never did before."""
    cut = judge(1, run(*did("paid")), run(), run(*did("paid", "refunded")))
    assert (cut.unexpected, cut.is_harmful) == (("refunded(7)",), False)


def test_only_work_that_had_been_handed_over_counts() -> None:
    """Tasks that the dead process never handed over, and what no task did, are left out."""
    uncut = run(
        *did("charged"), *did("mailed", root=2), *did("asked", root=0), opened=(FIRST, SECOND)
    )
    cut = judge(1, uncut, run(*did("asked", root=0)), run(*did("charged")))
    assert not cut.is_harmful


def test_what_a_task_hands_over_belongs_to_it() -> None:
    """The effects of a nested task that was never handed over are its parent's loss."""
    uncut = run(*did("charged", "mailed"), opened=(FIRST, NESTED))
    cut = judge(1, uncut, run(*did("charged")), Observed())
    assert cut.lost == ("mailed(7)",)


def test_a_point_that_was_not_reached_fails() -> None:
    """A test that runs differently each time says nothing, and that is told."""
    cut = judge(1, run(*did("charged")), Observed((FIRST,)), Observed())
    assert (cut.is_missed, cut.is_harmful, cut.task) == (True, True, "charge")


@pytest.mark.parametrize(("ended", "left"), [((), (FIRST, SECOND)), ((Ended(1),), (SECOND,))])
def test_cut_off_is_what_had_not_ended(ended: tuple[Ended, ...], left: tuple[Opened, ...]) -> None:
    """A dead letter is due for each task that was handed over and had not ended."""
    assert Observed((FIRST, SECOND), ended).cut_off == left
