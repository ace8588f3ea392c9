"""Where a task was waiting when it was last looked at; where nobody looked, why. Pure."""

from typing import Final

import htpy as h

from afterword_sidecar.ledger.verdicts import LEASE_LAPSED, SPOOL_GONE, STREAM_ENDED
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import layout, words

_NO_END_WAS_TOLD: Final = {
    "platform_deadline",
    "instance_lost",
    "expired",
    "shutdown",
    "never_started",
    "evidence_lost",
}
_GUARD: Final = "a guard looks where a task waits just before its deadline, and tells it"


def waiting(task: shapes.Task) -> h.Node:
    """The place; or why it is not known, of a task that did not tell its own end."""
    if task.awaiting:
        return h.div(".where")[
            h.p[
                "When it was last looked at"
                + (", it was waiting here:" if words.waiting_in(task.awaiting) else ":")
            ],
            layout.copyable(task.awaiting, what="frame"),
        ]
    if task.verdict is None or task.reason not in _NO_END_WAS_TOLD:
        return None
    return h.div(".where.not-known")[
        h.p["Where it was waiting"], h.p[_why_not_known(task, task.verdict)]
    ]


def _why_not_known(task: shapes.Task, verdict: shapes.Verdict) -> h.Node:
    if task.reason == "never_started" or (task.started_at is None and task.reason == "shutdown"):
        return "Nowhere: it is not heard to have begun."
    if task.reason == "evidence_lost":
        return "Not known: what would tell it is missing."
    cited = {evidence.kind for evidence in verdict.evidence}
    if STREAM_ENDED in cited:
        happened = "its process was killed without warning"
    elif cited & {LEASE_LAPSED, SPOOL_GONE}:
        happened = "its process was not heard of any more"
    else:
        happened = "nothing more was heard of it"
    if task.deadline is None:
        return [f"Not known: {happened}. With ", h.code["deadline="], f" {_GUARD}."]
    return f"Not known: {happened}, and nothing was told before. Where its process lives, {_GUARD}."
