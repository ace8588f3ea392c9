"""What happened to one task, in its order: what it told, and what was pronounced. Pure."""

from collections.abc import Iterator
from typing import Final

import htpy as h
import msgspec

from afterword import names
from afterword_sidecar.ledger.verdicts import DEADLINE
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import charts, client_text, layout, task_clocks, words
from afterword_sidecar.web.page.task_waiting import waiting

_TOLD: Final = {
    names.EVENT_SCHEDULED: "Handed over",
    names.EVENT_STARTED: "Took its first step",
    names.EVENT_PENDING: "About to be cut off",
    names.EVENT_SETTLED: "Said how it ended",
}


class Event(msgspec.Struct, frozen=True):
    """An entry of the timeline."""

    at: str
    words: str
    note: h.Node = ""
    sequence: int = 0
    cited: bool = False
    """The verdict rests on it."""
    class_: str = ""
    kind: str = ""
    """Of evidence; what other entries come after."""
    after: frozenset[str] = frozenset()
    """Comes after the entries of these kinds, and is by the sidecar's clock."""

    @property
    def by_sidecar(self) -> bool:
        """Whether its time is by the sidecar's clock."""
        return bool(self.after)


def happened(task: shapes.Task, now: str) -> h.Element:
    """The section that tells its life, to scale and in words."""
    events = timeline(task)
    return layout.section(
        "timeline",
        "What happened",
        _life(task, events, now),
        waiting(task),
        h.ol(".timeline")[list(_rows(task, events, now))],
        _of_clocks(task, events),
    )


def timeline(task: shapes.Task) -> list[Event]:
    """All that is known of the task, in its order.

    Where the sidecar's clock is another than that of its process, what the sidecar says comes after
    what it rests on: more is not known of the order.
    """
    told, seen = _told(task), list(_of_the_sidecar(task))
    if task_clocks.one_clock(task):
        return sorted((*told, *seen), key=lambda event: words.at(event.at))
    for event in seen:
        last = max(
            (at for at, e in enumerate(told) if e.kind in event.after or e.by_sidecar), default=-1
        )
        told.insert(last + 1, event)
    return told


def _told(task: shapes.Task) -> list[Event]:
    """By the clock of its process; its handing over first, its end after all it did."""

    def place(event: Event) -> tuple[int, float]:
        ends = _ORDER.get(event.kind, 0)
        if event.kind == DEADLINE and task.settled_at:
            ends = 2 if words.at(event.at) > words.at(task.settled_at) else 0
        return ends, words.at(event.at).timestamp()

    return sorted(_by_its_clock(task), key=place)


_ORDER: Final = {names.EVENT_SCHEDULED: -1, names.EVENT_SETTLED: 1}


def _by_its_clock(task: shapes.Task) -> Iterator[Event]:
    cited = {each.kind: each for each in (task.verdict.evidence if task.verdict else [])}
    moments = {
        names.EVENT_SCHEDULED: task.scheduled_at,
        names.EVENT_STARTED: task.started_at,
        names.EVENT_PENDING: task.pending.at if task.pending else None,
        names.EVENT_SETTLED: task.settled_at,
    }
    for kind, known in moments.items():
        evidence = cited.pop(kind, None)
        moment = evidence.at if known is None and evidence else known
        if moment is not None:
            sequence = evidence.sequence if evidence else 0
            told = _TOLD[kind]
            yield Event(moment, told, _note(kind, task), sequence, bool(evidence), kind=kind)
    for kind, each in cited.items():
        if not task_clocks.by_sidecar(kind):
            yield Event(each.at, _sentence(each), "", each.sequence, cited=True, kind=kind)
    if task.deadline is not None:
        yield Event(task.deadline, "Its deadline", class_="deadline", kind=DEADLINE)


def _sentence(evidence: shapes.Evidence) -> str:
    return evidence.words[:1].upper() + evidence.words[1:] or evidence.kind


def _note(kind: str, task: shapes.Task) -> h.Node:
    if kind == names.EVENT_PENDING and task.pending:
        return words.PENDING_IN_WORDS.get(task.pending.reason, task.pending.reason)
    if kind == names.EVENT_SETTLED and task.duration_seconds is not None:
        return f"after {words.duration(task.duration_seconds)} by its own clock"
    if kind == names.EVENT_SCHEDULED and task.invocation:
        return ["invocation ", client_text.told(task.invocation)]
    return ""


def _of_the_sidecar(task: shapes.Task) -> Iterator[Event]:
    for verdict in (*task.history, *((task.verdict,) if task.verdict else ())):
        rests_on = frozenset(each.kind for each in verdict.evidence) | {names.EVENT_SCHEDULED}
        last = verdict is task.verdict
        for each in verdict.evidence if last else ():
            if task_clocks.by_sidecar(each.kind):
                sentence = _sentence(each)
                yield Event(each.at, sentence, "", each.sequence, cited=True, after=rests_on)
        outcome = words.OUTCOMES_IN_WORDS[verdict.outcome]
        sure = verdict.basis if verdict.final else f"{verdict.basis}, not final"
        yield Event(
            verdict.at,
            f"Pronounced {outcome}" if last else f"Pronounced {outcome}, and amended since",
            f"{verdict.reason}; {sure}",
            class_=f"verdict {verdict.outcome}",
            after=rests_on,
        )
    if isinstance(task, shapes.DeadLetter) and task.closed_at:
        closed, always = "Closed: it completed after all", frozenset({names.EVENT_SCHEDULED})
        yield Event(task.closed_at, closed, class_="verdict completed", after=always)


def _rows(task: shapes.Task, events: list[Event], now: str) -> Iterator[h.Element]:
    """Each entry; a date stands where it is not that of the line before, nor today's."""
    day, one_clock = words.day(now), task_clocks.one_clock(task)
    for event in events:
        if words.day(event.at) != day:
            day = words.day(event.at)
            yield h.li(".day")[day]
        foreign = event.by_sidecar and not one_clock
        yield h.li(class_=f"event {event.class_}" + (" cited" if event.cited else ""))[
            h.span(".when")[
                h.time(datetime=event.at, title=event.at)[words.clock_to_milliseconds(event.at)]
            ],
            h.span(".offset")[
                h.span(title="By the sidecar's clock")["sidecar"]
                if foreign
                else _offset(task.scheduled_at, event.at)
            ],
            h.span(".what")[
                event.words,
                event.cited and h.span(".basis")["the verdict rests on this"],
                event.note and h.span(".sub")[event.note],
                event.sequence > 0 and h.span(".sub")[f"record {event.sequence} of its process"],
            ],
        ]


def _offset(began: str, moment: str) -> str:
    passed = words.seconds_between(began, moment)
    return ("+" if passed >= 0 else "") + words.duration(passed)


def _of_clocks(task: shapes.Task, events: list[Event]) -> h.Node:
    if task_clocks.one_clock(task) or not any(event.by_sidecar for event in events):
        return None
    ahead = task_clocks.ahead_seconds(task)
    return h.p(".note")[
        "UTC, by the clock of its process; ",
        h.b["sidecar"],
        ": by that of the sidecar, in the order that is known.",
        f" The clock of its process is ahead by {words.duration(ahead)} or more." if ahead else "",
    ]


def _life(task: shapes.Task, events: list[Event], now: str) -> h.Node:
    """The same to scale: waiting, running, and where the marks are. Of one clock alone."""
    one_clock = task_clocks.one_clock(task)
    begin = words.at(task.scheduled_at).timestamp()
    ended, told = _end(task, now)
    shown = [event for event in events if one_clock or not event.by_sidecar]
    end = max(begin + ended, *(words.at(event.at).timestamp() for event in shown))
    whole = end - begin
    if whole <= 0:
        return None

    def place(moment: float) -> float:
        return min(1.0, max(0.0, (moment - begin) / whole))

    until = place(begin + ended)
    started = place(words.at(task.started_at).timestamp()) if task.started_at else until
    spans = [("waiting", 0.0, min(started, until))]
    if task.started_at:
        spans.append((f"running {task.outcome}", started, max(started, until)))
    marks = [(event.class_, place(words.at(event.at).timestamp())) for event in shown]
    return h.div(".life-line")[
        charts.life([(class_, at) for class_, at in marks if class_], spans),
        h.p(".note")[h.span["handed over"], h.span[told]],
    ]


def _end(task: shapes.Task, now: str) -> tuple[float, str]:
    """Seconds from the handing over to its end or what is known of it, and that in words."""
    if task.verdict is None:
        age = task_clocks.age_seconds(task, now)
        return age, f"{words.duration(age)} so far"
    life = task_clocks.life_seconds(task)
    if life is not None:
        how = "to its end" if task.settled_at else "until its process died"
        return life, f"{words.duration(life)} {how}"
    known = task.pending.at if task.pending else task.started_at or task.scheduled_at
    seconds = max(0.0, words.seconds_between(task.scheduled_at, known))
    return seconds, "when it ended is not known"
