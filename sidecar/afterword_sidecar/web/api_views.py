"""From the book's records to the API's answers. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from afterword_sidecar.ledger import records
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.rules import EVIDENCE_IN_WORDS, RULES_IN_WORDS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_SECONDS: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH).total_seconds()
_LATEST: Final = datetime.max.replace(tzinfo=UTC)
_LATEST_SECONDS: Final = (_LATEST - _EPOCH).total_seconds()
_NO_SPAN: Final = bytes(8)
_NULL: Final = msgspec.Raw(b"null")


def moment(seconds: float) -> str:
    """Unix seconds as RFC 3339. Clients may send any finite number: what no calendar has is cut."""
    if seconds >= _LATEST_SECONDS:
        at = _LATEST
    else:
        at = _EPOCH + timedelta(seconds=max(seconds, _EARLIEST_SECONDS))
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def open_task(task: records.OpenTask) -> shapes.Task:
    """A task in flight."""
    return shapes.Task(
        **_of_opening(task),
        outcome="in_flight",
        reason=None,
        awaiting=task.notes.awaiting or None,
        settled_at=None,
        duration_seconds=None,
        error=None,
        verdict=None,
        history=[],
    )


def settled_task(task: records.SettledTask) -> shapes.Task:
    """A task that was pronounced upon."""
    return shapes.Task(**_of_settled(task))


def dead_letter(letter: records.DeadLetter) -> shapes.DeadLetter:
    """A dead letter without its payload."""
    return shapes.DeadLetter(**_of_settled(letter.settled), **_of_letter(letter))


def dead_letter_with_payload(
    letter: records.DeadLetter, payload: str | None
) -> shapes.DeadLetterWithPayload:
    """A dead letter; the payload stands in it as it was written, if it is JSON, else as text."""
    document = _json_document(payload)
    return shapes.DeadLetterWithPayload(
        **_of_settled(letter.settled),
        **_of_letter(letter),
        payload=document or _NULL,
        payload_text=payload if document is None else None,
    )


def verdict(given: records.Verdict) -> shapes.Verdict:
    """A verdict with its rule and evidence in words."""
    return shapes.Verdict(
        outcome=given.outcome,  # type: ignore[arg-type] # one of names.OUTCOMES, by construction
        reason=given.reason,
        basis=given.basis,  # type: ignore[arg-type] # one of names.BASES, by construction
        rule=shapes.Rule(number=given.rule, words=RULES_IN_WORDS.get(given.rule, "")),
        at=moment(given.at),
        final=given.final,
        final_at=_moment_or_none(given.final_at),
        evidence=[
            shapes.Evidence(
                kind=cited.kind,
                sequence=cited.sequence,
                at=moment(cited.at),
                words=EVIDENCE_IN_WORDS.get(cited.kind, ""),
            )
            for cited in given.evidence
        ],
        clock=_clock(given.clock),
        missing=_missing(given.missing),
    )


def _of_opening(task: records.OpenTask) -> dict[str, Any]:
    source, series = task.source, task.series
    return {
        "id": f"{source.stream.hex()}-{task.sequence}",
        "service": source.service,
        "task": task.task,
        "platform": series.platform,
        "origin": series.origin,
        "instance": source.instance or None,
        "stream": source.stream.hex(),
        "sequence": task.sequence,
        "counted_as": shapes.CountedAs(series.service, series.task, series.platform, series.origin),
        "scheduled_at": moment(task.scheduled_at),
        "received_at": moment(task.received_at),
        "deadline": None if task.deadline is None else moment(task.deadline),
        "started_at": moment(task.started_at) if task.started_sequence else None,
        "pending": _pending(task),
        "trace": _trace(task.trace),
        "links": _links(task.notes.links),
        "function": task.function or None,
        "route": task.route or None,
        "invocation": task.invocation or None,
        "replay_of": task.notes.replay_of or None,
        "payload_captured": task.has_payload,
        "payload_omitted": task.notes.payload_omitted or None,
    }


def _of_settled(task: records.SettledTask) -> dict[str, Any]:
    return _of_opening(task.opening) | {
        "outcome": task.verdict.outcome,
        "reason": task.verdict.reason,
        "awaiting": task.awaiting or task.opening.notes.awaiting or None,
        "settled_at": None if task.settled_at is None else moment(task.settled_at),
        "duration_seconds": task.duration_seconds,
        "error": _error(task),
        "verdict": verdict(task.verdict),
        "history": [verdict(earlier) for earlier in task.history],
    }


def _of_letter(letter: records.DeadLetter) -> dict[str, Any]:
    closed = letter.closed_at is not None
    return {
        "state": "closed" if closed else "open",
        "closed_at": moment(letter.closed_at or 0.0) if closed else None,
    }


def _clock(bounds: records.ClockBounds | None) -> shapes.Clock | None:
    if bounds is None:
        return None
    return shapes.Clock(
        offset_seconds=bounds.offset_seconds,
        grace_seconds=bounds.grace_seconds,
        due=moment(bounds.due),
        alive_at=_moment_or_none(bounds.alive_at),
        lock_fell_at=_moment_or_none(bounds.lock_fell_at),
        lease_until=_moment_or_none(bounds.lease_until),
        hold_until=_moment_or_none(bounds.hold_until),
    )


def _missing(given: records.Missing | None) -> shapes.Missing | None:
    return None if given is None else shapes.Missing(**msgspec.structs.asdict(given))


def _moment_or_none(seconds: float) -> str | None:
    """The book's 0 for "never"."""
    return moment(seconds) if seconds else None


def _pending(task: records.OpenTask) -> shapes.Pending | None:
    if not task.notes.pending_sequence:
        return None
    return shapes.Pending(moment(task.notes.pending_at), task.notes.pending_reason)


def _error(task: records.SettledTask) -> shapes.Error | None:
    told = (
        task.error_type or None,
        task.exception_type or None,
        task.exception_message or None,
        task.exception_stacktrace or None,
    )
    return shapes.Error(*told) if any(told) else None


def _trace(trace: bytes) -> shapes.Trace | None:
    trace_id, span_id, parent, flags = trace[:16], trace[16:24], trace[24:32], trace[32:33]
    if not flags or not any(trace_id):
        return None
    return shapes.Trace(
        trace_id=trace_id.hex(),
        span_id=span_id.hex(),
        parent_span_id=None if parent == _NO_SPAN else parent.hex(),
        sampled=bool(flags[0] & 1),
    )


def _links(links: str) -> list[shapes.Link]:
    pairs = (link.partition("-") for link in links.split())
    return [
        shapes.Link(trace_id, span_id)
        for trace_id, _, span_id in pairs
        if _is_hex(trace_id, 32) and _is_hex(span_id, 16)
    ]


def _is_hex(text: str, digits: int) -> bool:
    return len(text) == digits and all(digit in "0123456789abcdef" for digit in text)


def _json_document(payload: str | None) -> msgspec.Raw | None:
    """The payload as it stands, without blanks, where it is one well-formed JSON document."""
    if payload is None:
        return None
    try:
        text = payload.encode()
        msgspec.json.decode(text)
        return msgspec.Raw(msgspec.json.format(text, indent=-1))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
