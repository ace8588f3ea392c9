"""A forger who makes all hashes anew is caught by what the evidence says."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from afterword_sidecar.journal import shapes
from afterword_sidecar.stores.contract import Retention
from afterword_sidecar.verifying.findings import Finding, Report
from worlds.journals import JournaledDesk, changed, records, rewrite, verify

Change = Callable[[list[shapes.Record]], Iterable[shapes.Record]]


def verdicts_of(desk: JournaledDesk) -> list[tuple[int, shapes.Verdict]]:
    found = enumerate(records(desk.directory))
    return [(i, record) for i, record in found if isinstance(record, shapes.Verdict)]


def forge(desk: JournaledDesk, place: int, **fields: Any) -> Report:
    """One record with other values, and a chain that fits."""

    def change(all_: list[shapes.Record]) -> list[shapes.Record]:
        return [*all_[:place], changed(all_[place], **fields), *all_[place + 1 :]]

    rewrite(desk.directory, change)
    return verify(desk.directory)


def places(report: Report, kind: str) -> list[int]:
    named = [problem.where for problem in report.problems if problem.kind == kind]
    return [int(where.removeprefix("record ").split(" (")[0]) for where in named]


FORGERIES: dict[str, Callable[[shapes.Verdict], dict[str, Any]]] = {
    "outcome": lambda v: {"outcome": "completed" if v.outcome != "completed" else "failed"},
    "reason": lambda v: {"reason": "other"},
    "basis": lambda v: {"basis": "observed" if v.basis != "observed" else "proven"},
    "rule": lambda v: {"rule": v.rule + 1},
    "time": lambda v: {"at": v.at + 0.5},
    "finality": lambda v: {"final": not v.final},
    "evidence left out": lambda v: {"evidence": v.evidence[:-1]},
    "evidence made up": lambda v: {"evidence": [*v.evidence, ("deferred_task.started", 999, v.at)]},
    "opening": lambda v: {"opening": v.opening + 1000},
    "stream": lambda v: {"stream": "00" * 16},
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forged_verdict_is_contradicted(desk: JournaledDesk, what: str) -> None:
    """Each verdict in its turn, each field of it: named at its place, and the chain is whole."""
    original = records(desk.directory)
    for at, verdict in verdicts_of(desk):
        report = forge(desk, at, **FORGERIES[what](verdict))
        assert at + 1 in places(report, "contradicted") + places(report, "cannot be told"), (
            f"{verdict}: {report.problems}"
        )
        assert report.wrong
        rewrite(desk.directory, lambda _now: original)
    assert verify(desk.directory).problems == []


def test_clock_bounds_are_checked(desk: JournaledDesk) -> None:
    """Every bound that a verdict by time was reached by."""
    at, verdict = next((i, v) for i, v in verdicts_of(desk) if v.reason == "platform_deadline")
    assert verdict.clock is not None
    for field in verdict.clock.__struct_fields__:
        other = changed(verdict.clock, **{field: getattr(verdict.clock, field) + 1.0})
        assert places(forge(desk, at, clock=other), "contradicted")[:1] == [at + 1]
        forge(desk, at, clock=verdict.clock)


def test_what_is_missing_is_checked(desk: JournaledDesk) -> None:
    """The numbers that a verdict of lost evidence rests on."""
    at, verdict = next((i, v) for i, v in verdicts_of(desk) if v.missing is not None)
    report = forge(desk, at, missing=(2, 8, 7, 99, 0))
    assert places(report, "contradicted") == [at + 1]
    assert verdict.reason == "evidence_lost"


def test_a_verdict_that_was_left_out_is_named(desk: JournaledDesk) -> None:
    """Each in its turn: by the call that should have had it, or by the book's totals."""
    original = records(desk.directory)
    for at, _ in verdicts_of(desk):
        rewrite(desk.directory, lambda now, at=at: [*now[:at], *now[at + 1 :]])  # type: ignore[misc] # bound at once
        assert verify(desk.directory).wrong
        rewrite(desk.directory, lambda _now: original)


def test_a_verdict_that_was_added_is_named(desk: JournaledDesk) -> None:
    """One that nothing calls for."""
    at, verdict = verdicts_of(desk)[0]
    rewrite(desk.directory, lambda now: [*now[: at + 1], verdict, *now[at + 1 :]])
    report = verify(desk.directory)
    assert places(report, "contradicted") == [at + 2]


EVIDENCE: dict[str, tuple[type, dict[str, Any]]] = {
    "an outcome": (shapes.Settled, {"outcome": "failed", "reason": "exception"}),
    "a number": (shapes.Settled, {"opening_sequence": 1}),
    "a deadline": (shapes.Scheduled, {"deadline": 1.0}),
    "a reason": (shapes.Pending, {"reason": "deadline_near"}),
    "an invocation": (shapes.InvocationEnded, {"invocation": "another"}),
    "a count": (shapes.Rollup, {"count": 3}),
    "a lock that fell": (shapes.Ended, {"stream": "00" * 16}),
    "limits": (shapes.Opened, {"limits": {}}),
}


@pytest.mark.parametrize("what", EVIDENCE)
def test_forged_evidence_is_contradicted(desk: JournaledDesk, what: str) -> None:
    """What a verdict rests on, changed: the verdict does not follow any more."""
    kind, fields = EVIDENCE[what]
    found = records(desk.directory)
    at = next(
        i
        for i, record in enumerate(found)
        if isinstance(record, kind) and (what != "a deadline" or getattr(record, "deadline", None))
    )
    if what == "limits":
        (before,) = [r for r in found if isinstance(r, shapes.Opened)]
        fields = {"limits": {**before.limits, "grace_seconds": 7.0}}
    assert forge(desk, at, **fields).wrong


def test_the_book_remembers_the_chain(desk: JournaledDesk) -> None:
    """Even a forger who gets everything right: the book has the last record's hash."""
    found = records(desk.directory)
    at = next(i for i, record in enumerate(found) if isinstance(record, shapes.Opened))
    assert forge(desk, at, version="0.0.0").problems == []
    report = desk.verify()
    assert [problem.kind for problem in report.problems] == ["altered"]
    assert "remembers another" in report.problems[0].what


def test_a_letter_that_was_removed_from_the_book_is_missed(desk: JournaledDesk) -> None:
    """The journal says that the task was lost, and nothing that retention took its letter."""
    key = next(iter(desk.memory._letters))
    del desk.memory._letters[key]
    report = desk.verify()
    (problem,) = report.problems
    assert (problem.kind, problem.task) == ("book", f"{key[0].hex()}-{key[1]}")


def test_a_letter_that_was_changed_in_the_book_is_named(desk: JournaledDesk) -> None:
    """The book and the journal say different things of a task."""
    key, letter = next(iter(desk.memory._letters.items()))
    other = changed(letter.settled.verdict, outcome="dropped", reason="expired", rule=14)
    desk.memory._letters[key] = changed(letter, settled=changed(letter.settled, verdict=other))
    (problem,) = desk.verify().problems
    assert "the book says dropped/expired" in problem.what


def test_a_verdict_that_was_removed_from_the_totals_is_missed(desk: JournaledDesk) -> None:
    """The totals are the book's word too."""
    key, total = next((k, t) for k, t in desk.memory._totals.items() if k[0] == "settled")
    desk.memory._totals[key] = changed(total, value=0.0)
    assert [problem.kind for problem in desk.verify().problems] == ["totals"]


def test_what_retention_took_is_not_missed(desk: JournaledDesk) -> None:
    """Letters go after their time, and the journal says so."""
    pruned = desk.store.prune(Retention(age_seconds=1.0, count=1, payload_bytes=1), desk.now)
    assert pruned.keys
    desk.book.forget_dead_letters(pruned.keys, pruned.by_labels)
    desk.commit()
    assert desk.verify().problems == []


def test_a_journal_of_an_old_book_says_what_it_cannot_tell(desk: JournaledDesk) -> None:
    """Kept from later on, it confirms what it has seen from the beginning, and no more."""
    directory = desk.directory.with_name("later")
    later = JournaledDesk(directory, memory=desk.memory)
    assert later.verify(with_book=False).total(Finding.CONTRADICTED) == 0
