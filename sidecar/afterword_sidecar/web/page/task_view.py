"""One task: what happened to it, what we say of it and why, and what it was called with. Pure."""

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


def task_page(task: shapes.Task, *, trace_url: str, at: str) -> str:
    """The view as HTML. ``trace_url``: a template with ``{trace_id}``; empty: no link."""
    return layout.document(
        f"{task.task} {words.short_id(task.id)}",
        "",
        at,
        h.div(".title.task")[
            h.p(".crumb")[_crumb(task)],
            h.h1[task.task],
            h.p("#task-lead.lead", data_live=True)[_lead(task, at)],
        ],
        h.div(".columns.task")[
            h.div[_happened(task, at), _error(task), _payload(task)],
            h.div[_verdict(task, at), _identity(task, trace_url)],
        ],
    )


def _crumb(task: shapes.Task) -> h.Node:
    if task.verdict is None:
        return h.a(href="/in-flight")["In flight"]
    if task.outcome == "completed" and not isinstance(task, shapes.DeadLetter):
        return h.a(href="/tasks")["Tasks"]
    error = task.error.type if task.error else None
    alike = words.link("/losses", task=task.task, reason=task.reason, error=error)
    return [h.a(href="/losses")["Losses"], " / ", h.a(href=alike)["those like this one"]]


def _lead(task: shapes.Task, now: str) -> h.Node:
    where = [" of ", h.strong[task.service], task.route and [" on ", h.code[task.route]]]
    if task.verdict is None:
        age = words.duration(words.seconds_between(task.scheduled_at, now))
        return [words.outcome("in_flight"), where, f", handed over {age} ago."]
    told = words.REASONS_IN_WORDS.get(task.reason or "")
    return [
        words.outcome(task.outcome),
        h.span(".reason")[f"{task.reason}: {told}" if told else task.reason],
        where,
        ", ",
        words.ago(task.verdict.at, now),
        isinstance(task, shapes.DeadLetter)
        and task.state == "closed"
        and h.span(".closed")["closed: it completed after all"],
    ]


def _happened(task: shapes.Task, now: str) -> h.Element:
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


def _verdict(task: shapes.Task, now: str) -> h.Element:
    if task.verdict is None:
        return layout.section(
            "verdict",
            "No verdict yet",
            h.p[
                "It has not ended as far as the book knows. ",
                _until(task, now),
            ],
        )
    return layout.section(
        "verdict",
        "Why we say so",
        _reasoning(task.verdict, now),
        h.details("#history")[
            h.summary[f"Before that: {words.plural(len(task.history), 'earlier verdict')}"],
            [_reasoning(earlier, now) for earlier in reversed(task.history)],
        ]
        if task.history
        else None,
    )


def _until(task: shapes.Task, now: str) -> str:
    if task.deadline is None:
        return "No deadline of its is known."
    left = words.seconds_between(now, task.deadline)
    if left > 0:
        return f"Its deadline is in {words.duration(left)}."
    return f"Its deadline passed {words.duration(-left)} ago; the verdict waits for its grace."


def _reasoning(verdict: shapes.Verdict, now: str) -> h.Element:
    clock = verdict.clock
    return h.div(".reasoning")[
        h.p(".said")[words.outcome(verdict.outcome), h.span(".reason")[verdict.reason]],
        layout.facts(
            [
                ("Because", f"{verdict.rule.words} (rule {verdict.rule.number})"),
                ("How sure", [h.b[verdict.basis], ". ", words.BASES_IN_WORDS[verdict.basis]]),
                (
                    "Final",
                    "yes; only the task itself could still amend it"
                    if verdict.final
                    else "not yet: it may still turn out that the task lives",
                ),
                ("Pronounced", [words.moment(verdict.at, now), " UTC"]),
                (
                    "Allowed for",
                    (
                        f"{clock.offset_seconds:+.3f} s of its clock, "
                        f"{clock.grace_seconds:g} s of grace; due {words.clock(clock.due)}"
                    )
                    if clock
                    else None,
                ),
            ]
        ),
    ]


def _error(task: shapes.Task) -> h.Node:
    error = task.error
    if error is None:
        return None
    name = error.type or error.exception_type
    other = error.exception_type if error.exception_type != name else None
    return layout.section(
        "error",
        "What it failed with",
        h.p(".error-name")[h.code[name], other and h.span(".sub")[other]] if name else None,
        error.message and h.p(".message")[error.message],
        error.stacktrace
        and h.pre("#stack", tabindex="0", role="region", aria_label="Stack trace")[
            error.stacktrace.rstrip()
        ],
    )


def _payload(task: shapes.Task) -> h.Element:
    return layout.section("payload", "What it was called with", _payload_of(task))


def _payload_of(task: shapes.Task) -> h.Node:
    if isinstance(task, shapes.DeadLetterWithPayload) and task.payload_captured:
        text = task.payload_text
        if text is None:
            text = msgspec.json.format(bytes(task.payload), indent=2).decode()
        return [
            h.pre(
                "#payload-text",
                data_copy="payload",
                tabindex="0",
                role="region",
                aria_label="Payload",
            )[text],
            h.p(".note")["Whole and exact as captured; redacted before it left the application."],
        ]
    if task.payload_captured:
        if task.verdict is None:
            why = "It is kept, and shown here if the task is lost."
        else:
            why = "It completed, so its payload was erased."
        return layout.empty("Not shown.", why)
    why = task.payload_omitted or "Capture is off for this task: capture=True keeps its arguments."
    return layout.empty("No payload was captured.", why)


def _identity(task: shapes.Task, trace_url: str) -> h.Element:
    trace = task.trace
    return layout.section(
        "identity",
        "Which task this is",
        layout.facts(
            [
                ("Task id", layout.copyable(task.id, what="task id")),
                ("Trace", _trace(trace, trace_url) if trace else None),
                ("Span", layout.copyable(trace.span_id, what="span id") if trace else None),
                (
                    "Links",
                    [h.div[h.code[f"{each.trace_id}-{each.span_id}"]] for each in task.links]
                    or None,
                ),
                ("Function", task.function and layout.copyable(task.function, what="function")),
                ("Service", task.service),
                ("Instance", task.instance),
                ("Process", f"{task.stream[:8]}, record {task.sequence}"),
                ("Platform", task.platform),
                ("Origin", task.origin if task.origin != "app" else None),
                ("Replay of", task.replay_of),
                (
                    "Counted as",
                    task.counted_as.task != task.task
                    and f"{task.counted_as.service_name} / {task.counted_as.task}",
                ),
            ]
        ),
    )


def _trace(trace: shapes.Trace, trace_url: str) -> h.Node:
    told = layout.copyable(trace.trace_id, what="trace id")
    unsampled = None if trace.sampled else h.span(".sub")["not sampled by the application"]
    if not trace_url:
        return [told, unsampled]
    href = trace_url.replace("{trace_id}", trace.trace_id).replace("{span_id}", trace.span_id)
    return [told, h.a(".trace", href=href, rel="noreferrer")["Open the trace"], unsampled]
