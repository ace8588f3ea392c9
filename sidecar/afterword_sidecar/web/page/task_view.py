"""One task: what happened to it, what we say of it and why, and what it was called with. Pure."""

import htpy as h
import msgspec

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import (
    client_text,
    layout,
    task_clocks,
    task_reasons,
    words,
)
from afterword_sidecar.web.page.task_timeline import happened
from afterword_sidecar.web.page.task_verdict import verdict_on


def task_page(task: shapes.Task, *, trace_url: str, at: str) -> str:
    """The view as HTML. ``trace_url``: a template with ``{trace_id}``; empty: no link."""
    return layout.document(
        f"{task.task} {words.short_id(task.id)}",
        "",
        at,
        h.div(".title.task")[
            h.p(".crumb")[_crumb(task)],
            h.h1[client_text.name(task.task)],
            h.p("#task-lead.lead", data_live=True)[_lead(task, at)],
        ],
        # On a phone these stand in one column, in the order of the style sheet.
        h.div(".columns.task")[
            h.div[happened(task, at), _error(task), _payload(task)],
            h.div[verdict_on(task, at), _identity(task, trace_url)],
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
    where = [
        " of ",
        h.strong[client_text.told(task.service)],
        task.route and [" on ", h.code[client_text.told(task.route)]],
    ]
    if task.verdict is None:
        age = words.duration(task_clocks.age_seconds(task, now))
        return [words.outcome("in_flight"), where, f", handed over {age} ago."]
    told = task_reasons.in_short(task)
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


def _error(task: shapes.Task) -> h.Node:
    error = task.error
    if error is None:
        return None
    name = error.type or error.exception_type
    other = error.exception_type if error.exception_type != name else None
    return layout.section(
        "error",
        "What it failed with",
        h.p(".error-name")[
            h.code[client_text.told(name)], other and h.span(".sub")[client_text.told(other)]
        ]
        if name
        else None,
        error.message and h.p(".message")[client_text.lines(error.message)],
        error.stacktrace
        and h.pre("#stack", tabindex="0", role="region", aria_label="Stack trace")[
            client_text.lines(error.stacktrace.rstrip())
        ],
    )


def _payload(task: shapes.Task) -> h.Element:
    return layout.section("payload", "What it was called with", _payload_of(task))


def _payload_of(task: shapes.Task) -> h.Node:
    if isinstance(task, shapes.DeadLetterWithPayload) and task.payload_captured:
        text = task.payload_text
        if text is None:
            document = msgspec.json.format(bytes(task.payload), indent=2).decode()
            shown: h.Node = client_text.document(document)
        else:
            shown = client_text.lines(text)
        return [
            h.pre(
                "#payload-text",
                data_copy="payload",
                tabindex="0",
                role="region",
                aria_label="Payload",
            )[shown],
            h.p(".note")["Whole and exact as captured; redacted before it left the application."],
        ]
    if task.payload_captured:
        if task.verdict is None:
            why = "It is kept, and shown here if the task is lost."
        else:
            why = "It completed, so its payload was erased."
        return layout.empty("Not shown.", why)
    omitted: h.Node = (
        client_text.told(task.payload_omitted)
        if task.payload_omitted
        else "Capture is off for this task: capture=True keeps its arguments."
    )
    return layout.empty("No payload was captured.", omitted)


def _identity(task: shapes.Task, trace_url: str) -> h.Element:
    trace = task.trace
    return layout.section(
        "identity",
        "Which task this is",
        layout.facts(
            [
                ("Task id", layout.copyable(task.id, what="task id")),
                ("Trace", _trace(trace, trace_url) if trace else "none: no trace id came with it"),
                ("Span", layout.copyable(trace.span_id, what="span id") if trace else None),
                (
                    "Links",
                    [h.div[h.code[f"{each.trace_id}-{each.span_id}"]] for each in task.links]
                    or None,
                ),
                ("Function", task.function and layout.copyable(task.function, what="function")),
                ("Service", client_text.told(task.service)),
                ("Instance", task.instance and client_text.told(task.instance)),
                ("Process", f"{task.stream[:8]}, record {task.sequence}"),
                ("Platform", client_text.told(task.platform)),
                ("Origin", task.origin if task.origin != "app" else None),
                ("Replay of", task.replay_of and client_text.told(task.replay_of)),
                (
                    "Counted as",
                    task.counted_as.task != task.task
                    and [
                        client_text.told(task.counted_as.service_name),
                        " / ",
                        client_text.name(task.counted_as.task),
                    ],
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
