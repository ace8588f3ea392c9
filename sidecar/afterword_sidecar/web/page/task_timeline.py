"""What happened to one task, in its order: what it told, and what was pronounced. Pure."""

from collections.abc import Iterator
from typing import Final

import htpy as h
import msgspec

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import charts, layout, words

_SCHEDULED: Final = "deferred_task.scheduled"
_STARTED: Final = "deferred_task.started"
_PENDING: Final = "deferred_task.pending"
_SETTLED: Final = "deferred_task.settled"


class Event(msgspec.Struct, frozen=True):
    """An entry of the timeline."""

    at: str
    words: str
    note: str = ""
    sequence: int = 0
    cited: bool = False
    """The verdict rests on it."""
    class_: str = ""


def happened(task: shapes.Task, now: str) -> h.Element:
    """The section that tells its life, to scale and in words."""
    events = timeline(task)
    began = task.scheduled_at
    rows = [
        h.li(class_=f"event {event.class_}" + (" cited" if event.cited else ""))[
            h.span(".when")[words.moment(event.at, now)],
            h.span(".offset")[_offset(began, event.at)],
            h.span(".what")[
                event.words,
                event.cited and h.span(".basis")["the verdict rests on this"],
                event.note and h.span(".sub")[event.note],
                event.sequence > 0 and h.span(".sub")[f"record {event.sequence} of its process"],
            ],
        ]
        for event in events
    ]
    return layout.section(
        "timeline",
        "What happened",
        _life(task, events, now),
        _waiting(task),
        h.ol(".timeline")[rows],
    )


def timeline(task: shapes.Task) -> list[Event]:
    """All that is known of the task, in its order."""
    return sorted(_events(task), key=lambda event: words.at(event.at))


def _events(task: shapes.Task) -> Iterator[Event]:
    cited = {each.kind: each for each in (task.verdict.evidence if task.verdict else [])}
    told = {_SCHEDULED: "Handed over", _STARTED: "Took its first step"}
    told |= {_PENDING: "About to be cut off", _SETTLED: "Said how it ended"}
    moments = {
        _SCHEDULED: task.scheduled_at,
        _STARTED: task.started_at,
        _PENDING: task.pending.at if task.pending else None,
        _SETTLED: task.settled_at,
    }
    for kind, moment in moments.items():
        evidence = cited.pop(kind, None)
        if moment is None and evidence is not None:
            moment = evidence.at  # noqa: PLW2901 - the evidence knows what the task does not
        if moment is None:
            continue
        yield Event(
            moment,
            told[kind],
            _note(kind, task),
            evidence.sequence if evidence else 0,
            cited=evidence is not None,
        )
    for evidence in cited.values():
        sentence = evidence.words[:1].upper() + evidence.words[1:]
        yield Event(evidence.at, sentence or evidence.kind, "", evidence.sequence, cited=True)
    yield from _of_the_sidecar(task)


def _note(kind: str, task: shapes.Task) -> str:
    if kind == _PENDING and task.pending:
        return task.pending.reason
    if kind == _SETTLED and task.duration_seconds is not None:
        return f"after {words.duration(task.duration_seconds)} by its own clock"
    if kind == _SCHEDULED and task.invocation:
        return f"invocation {task.invocation}"
    return ""


def _of_the_sidecar(task: shapes.Task) -> Iterator[Event]:
    if task.deadline is not None:
        yield Event(task.deadline, "Its deadline", class_="deadline")
    for verdict in (*task.history, *((task.verdict,) if task.verdict else ())):
        outcome = words.OUTCOMES_IN_WORDS[verdict.outcome]
        sure = verdict.basis if verdict.final else f"{verdict.basis}, not final"
        last = verdict is task.verdict
        yield Event(
            verdict.at,
            f"Pronounced {outcome}" if last else f"Pronounced {outcome}, and amended since",
            f"{verdict.reason}; {sure}",
            class_=f"verdict {verdict.outcome}",
        )
    if isinstance(task, shapes.DeadLetter) and task.closed_at:
        yield Event(task.closed_at, "Closed: it completed after all", class_="verdict completed")


def _offset(began: str, moment: str) -> str:
    passed = words.seconds_between(began, moment)
    return ("+" if passed >= 0 else "") + words.duration(passed)


def _life(task: shapes.Task, events: list[Event], now: str) -> h.Node:
    """The same to scale: waiting, running, and where the marks are."""
    begin = words.at(task.scheduled_at).timestamp()
    last = task.verdict.at if task.verdict else now
    end = max(words.at(moment).timestamp() for moment in (*(e.at for e in events), last))
    whole = end - begin
    if whole <= 0:
        return None

    def place(moment: str) -> float:
        return min(1.0, max(0.0, (words.at(moment).timestamp() - begin) / whole))

    ended = place(task.settled_at or last)
    started = place(task.started_at) if task.started_at else ended
    spans = [("waiting", 0.0, started)]
    if task.started_at:
        spans.append((f"running {task.outcome}", started, max(started, ended)))
    marks = [(event.class_, place(event.at)) for event in events if event.class_]
    return h.div(".life-line")[
        charts.life(marks, spans),
        h.p(".note", aria_hidden="true")[
            h.span["handed over"], h.span[words.duration(whole), " in all"]
        ],
    ]


def _waiting(task: shapes.Task) -> h.Node:
    if not task.awaiting:
        return None
    return h.div(".where")[
        h.p["When it was last looked at, it was waiting here:"],
        layout.copyable(task.awaiting, what="frame"),
    ]
