"""Tasks and dead letters as people read them: tables, and one letter in full."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from rich.console import Console, Group, RenderableType
from rich.highlighter import JSONHighlighter
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from afterword_sidecar.cli.terminal import json_text, many_lines, one_line
from afterword_sidecar.cli.times import age, local, seconds_short
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import words
from afterword_sidecar.web.page.task_reasons import because

COLOURS: Final = {
    "in_flight": "cyan",
    "completed": "green",
    "failed": "red",
    "timed_out": "yellow",
    "cancelled": "magenta",
    "dropped": "bold red",
    "unknown": "bright_black",
}
SHORT_STREAM_DIGITS: Final = 8
_NARROW_COLUMNS: Final = 100

Facts = Sequence[tuple[str, str | Text | None]]


def task_table(tasks: Iterable[shapes.Task], console: Console, now: datetime) -> Table:
    """A row a task; on a narrow terminal without what can be looked up."""
    wide = console.width >= _NARROW_COLUMNS
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("ID", "TASK", "OUTCOME", "AGE"):
        table.add_column(heading, overflow="fold")
    if wide:
        for heading in ("TOOK", "SERVICE", "ROUTE", "DETAIL"):
            table.add_column(heading, overflow="fold")
    for task in tasks:
        cells: list[RenderableType] = [
            short_id(task.id),
            one_line(task.task),
            _outcome(task),
            _age(task, now),
        ]
        if wide:
            took = "" if task.duration_seconds is None else seconds_short(task.duration_seconds)
            cells += [took, one_line(task.service), one_line(task.route or ""), _detail(task)]
        table.add_row(*cells)
    return table


def letter(found: shapes.DeadLetterWithPayload) -> RenderableType:
    """What it was, what happened, why we say so, when, and what it was called with."""
    parts: list[RenderableType] = [_headline(found), Text()]
    parts += _section("What it was", _what(found))
    parts += _section("What happened", _happened(found))
    if found.error and found.error.stacktrace:
        parts += [Text(many_lines(found.error.stacktrace.rstrip()), style="dim"), Text()]
    if found.verdict:
        parts += _section("Why we say so", _why(found.verdict, found.deadline))
    for earlier in found.history:
        parts += _section(f"Before that, {local(earlier.at)}", _why(earlier, found.deadline))
    parts += _section("When", _when(found))
    parts += [Rule("Payload", align="left", style="dim"), _payload(found)]
    return Group(*parts)


def short_id(task_id: str) -> str:
    """Enough of an id to ask for it."""
    stream, _, sequence = task_id.partition("-")
    return f"{stream[:SHORT_STREAM_DIGITS]}-{sequence}"


def _headline(found: shapes.DeadLetter) -> Text:
    text = Text(one_line(found.task), style="bold")
    text.append("  ")
    text.append_text(_outcome(found))
    if found.state == "closed":
        text.append("  closed: it completed after all", style="green")
    return text


def _outcome(task: shapes.Task) -> Text:
    text = Text(task.outcome, style=COLOURS.get(task.outcome, ""))
    if task.reason and task.reason != task.outcome:
        text.append(f" · {one_line(task.reason)}", style="not bold")
    if task.verdict:
        sure = task.verdict.basis + ("" if task.verdict.final else ", not final")
        text.append(f" ({sure})", style="dim not bold")
    return text


def _age(task: shapes.Task, now: datetime) -> str:
    return age(task.verdict.at if task.verdict else task.scheduled_at, now)


def _detail(task: shapes.Task) -> str:
    if task.error and (task.error.type or task.error.message):
        told = (task.error.type, task.error.message)
        return one_line(": ".join(part for part in told if part))
    return one_line(words.waiting_in(task.awaiting) + task.awaiting) if task.awaiting else ""


def _section(title: str, facts: Facts) -> list[RenderableType]:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for name, value in facts:
        if value:
            grid.add_row(name, value if isinstance(value, Text) else one_line(value))
    return [Rule(title, align="left", style="dim"), grid, Text()]


def _what(found: shapes.DeadLetter) -> Facts:
    trace = found.trace
    return (
        ("id", found.id),
        ("service", found.service),
        ("instance", found.instance),
        ("platform", found.platform),
        ("origin", found.origin),
        ("function", found.function),
        ("route", found.route),
        ("invocation", found.invocation),
        ("replay of", found.replay_of),
        ("trace", f"{trace.trace_id}{'' if trace.sampled else ' (not sampled)'}" if trace else ""),
        ("span", trace.span_id if trace else ""),
    )


def _happened(found: shapes.DeadLetter) -> Facts:
    error = found.error or shapes.Error(None, None, None, None)
    took = found.duration_seconds
    return (
        ("outcome", _outcome(found)),
        ("took", "" if took is None else seconds_short(took)),
        ("error", error.type),
        ("exception", error.exception_type if error.exception_type != error.type else ""),
        ("message", error.message),
        ("suspended in", found.awaiting),
    )


def _why(verdict: shapes.Verdict, deadline: str | None) -> Facts:
    rule = f"rule {verdict.rule.number}: {because(verdict, deadline)}"
    sure = {
        "observed": "observed: the task said so itself",
        "proven": "proven: nothing about it can be on its way any more",
        "inferred": "inferred: its end may have been lost on the way",
    }[verdict.basis]
    facts: list[tuple[str, str]] = [
        ("verdict", f"{verdict.outcome} · {verdict.reason}"),
        ("because", rule),
        ("basis", sure + ("" if verdict.final else "; not final yet")),
    ]
    for cited in verdict.evidence:
        number = f" (no. {cited.sequence})" if cited.sequence else ""
        facts.append(("evidence", f"{local(cited.at)}  {cited.words or cited.kind}{number}"))
    if verdict.clock:
        clock = verdict.clock
        allowed = f"{clock.offset_seconds:+.3f}s for its clock"
        if not clock.lock_fell_at:  # a death that is proven waits for nothing
            allowed += f", {clock.grace_seconds:g}s of grace; due {local(clock.due)}"
        facts.append(("allowed", allowed))
        facts += [
            ("last alive", local(clock.alive_at)),
            ("lock fell", local(clock.lock_fell_at)),
            ("lease until", local(clock.lease_until)),
        ]
    if verdict.missing:
        lost = verdict.missing
        facts.append(("missing", f"{lost.numbers} of numbers {lost.first} to {lost.last}"))
        told = f"{lost.settled_reported} settled, says its stream; {lost.settled_arrived} arrived"
        number = f" (no. {lost.reported_sequence})" if lost.reported_sequence else ""
        facts.append(("totals", told + number))
    return facts


def _when(found: shapes.DeadLetter) -> Facts:
    pending = found.pending
    return (
        ("scheduled", local(found.scheduled_at)),
        ("received", local(found.received_at)),
        ("started", local(found.started_at)),
        ("pending", f"{local(pending.at)}  {pending.reason}" if pending else ""),
        ("deadline", local(found.deadline)),
        ("ended", local(found.settled_at)),
        ("pronounced", local(found.verdict.at) if found.verdict else ""),
        ("closed", local(found.closed_at)),
    )


def _payload(found: shapes.DeadLetterWithPayload) -> Text:
    if found.payload_text is not None:
        return Text(many_lines(found.payload_text))
    if not found.payload_captured:
        why = found.payload_omitted or "capture was off"
        return Text(f"none: {one_line(why)}", style="dim")
    document = msgspec.json.format(bytes(found.payload), indent=2).decode()
    text = Text(json_text(document))
    JSONHighlighter().highlight(text)
    return text
