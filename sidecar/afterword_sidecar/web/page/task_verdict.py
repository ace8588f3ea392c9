"""Why we say so of one task: each verdict with its rule, and how sure it is. Pure."""

import htpy as h

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import layout, task_clocks, words
from afterword_sidecar.web.page.task_reasons import because


def verdict_on(task: shapes.Task, now: str) -> h.Element:
    """The section with the verdict, and those before it."""
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
        _reasoning(task.verdict, task.deadline, now),
        h.details("#history")[
            h.summary[f"Before that: {words.plural(len(task.history), 'earlier verdict')}"],
            [_reasoning(earlier, task.deadline, now) for earlier in reversed(task.history)],
        ]
        if task.history
        else None,
    )


def _until(task: shapes.Task, now: str) -> str:
    left = task_clocks.left_seconds(task, now)
    if left is None:
        return "It has no known deadline."
    if left > 0:
        return f"Its deadline is in {words.duration(left)}."
    return f"Its deadline passed {words.duration(-left)} ago; the verdict waits for its grace."


def _allowed(clock: shapes.Clock) -> str:
    offset = f"{clock.offset_seconds:+.3f} s of its clock"
    if clock.lock_fell_at:
        return offset  # a death that is proven waits for nothing
    return f"{offset}, {clock.grace_seconds:g} s of grace; due {words.clock(clock.due)}"


def _reasoning(verdict: shapes.Verdict, deadline: str | None, now: str) -> h.Element:
    clock = verdict.clock
    return h.div(".reasoning")[
        h.p(".said")[words.outcome(verdict.outcome), h.span(".reason")[verdict.reason]],
        layout.facts(
            [
                ("Because", f"{because(verdict, deadline)} (rule {verdict.rule.number})"),
                ("How sure", [h.b[verdict.basis], ". ", words.BASES_IN_WORDS[verdict.basis]]),
                (
                    "Final",
                    "yes; only the task itself could still amend it"
                    if verdict.final
                    else "not yet: it may still turn out that the task lives",
                ),
                ("Pronounced", [words.moment(verdict.at, now), " UTC"]),
                ("Allowed for", _allowed(clock) if clock else None),
            ]
        ),
    ]
