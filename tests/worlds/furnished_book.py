"""A book with a task of every kind in it, for whoever shows them; names are as hostile as asked."""

import json
from typing import Any, Final

from afterword_sidecar.ledger.facts import (
    Batch,
    Fact,
    Instance,
    Pending,
    Scheduled,
    Settled,
    Source,
    Started,
)
from worlds.operators_port import STREAM, OperatorsPort

TRACE: Final = bytes(range(1, 17))
PAYLOAD: Final = (
    '{"order":{"number":12345678901234567890,"price":19.90,"card_number":"[redacted]"}}'
)
HOSTILE: Final = (
    "<script>window.pwned=1</script><img src=x onerror='window.pwned=2'>"
    '"><svg onload=window.pwned=3>{{7*7}}</pre></code></title>&lt;b&gt;javascript:pwned()'
)
PLAIN: Final = "send_receipt"

LOST = f"{STREAM.hex()}-1"
IN_FLIGHT = f"{STREAM.hex()}-20"
CUT_OFF = f"{STREAM.hex()}-40"


def payload_with(text: str) -> str:
    """The payload of the first task, JSON with ``text`` in it."""
    return PAYLOAD.replace("[redacted]", "[redacted]" + json.dumps(text)[1:-1])


async def furnish(port: OperatorsPort, text: str = "") -> None:
    """Tell of tasks that failed, completed, were dropped, run, and are about to be cut off.

    ``text``: added to every text that a client can send.
    """
    service, task = f"shop{text}", f"{PLAIN}{text}"
    for facts in (
        _failed(port.now, task, text),
        _without_json(port.now, task, text),
        _completed_and_dropped(port.now, task),
        _in_flight(port.now, f"resize{text}", text),
    ):
        source = Source(STREAM, service, f"instance{text}")
        await port.service.submit([Batch(source, facts, port.now)], 100)


def _failed(now: float, task: str, text: str) -> list[Fact]:
    return [
        _opening(1, now - 5, task, text, payload=payload_with(text)),
        Started(2, 1, now - 4.9, 0.1),
        Settled(
            3,
            1,
            now - 1,
            task,
            "failed",
            "exception",
            scheduled_at=now - 5,
            duration_seconds=3.9,
            error_type=f"shop.MailboxFullError{text}",
            exception_type=f"shop.MailboxFullError{text}",
            exception_message=f"552 mailbox full{text}",
            exception_stacktrace=f"Traceback (most recent call last):\n  boom{text}\n",
            awaiting=f"smtplib.send at shop/mail.py:3 in send{text}",
        ),
    ]


def _without_json(now: float, task: str, text: str) -> list[Fact]:
    closing = Settled(5, 4, now, task, "cancelled", "disconnected", scheduled_at=now - 2)
    return [_opening(4, now - 2, task, text, payload=f"no JSON {text}"), closing]


def _completed_and_dropped(now: float, task: str) -> list[Fact]:
    return [
        Scheduled(10, now - 3, task, platform="asyncio"),
        Settled(11, 10, now, task, "completed", "completed", scheduled_at=now - 3),
        Scheduled(12, now - 3, task, platform="asyncio", payload_omitted="too large"),
        Settled(13, 12, now, task, "dropped", "abandoned", scheduled_at=now - 3),
    ]


def _in_flight(now: float, task: str, text: str) -> list[Fact]:
    waiting = f"httpx.get at shop/images.py:8 in fetch{text}"
    return [
        _opening(20, now - 20, task, text, deadline=now + 40),
        Started(21, 20, now - 19, 1.0),
        _opening(40, now - 9, task, text, deadline=now + 1, guard_lead_seconds=1.0),
        Started(41, 40, now - 9, 0.0),
        Pending(42, 40, now, "deadline_near", awaiting=waiting),
        Scheduled(43, now - 1, task, platform="asyncio"),
        Instance(44, now, "up"),
    ]


def _opening(sequence: int, at: float, task: str, text: str, **more: Any) -> Scheduled:
    return Scheduled(
        sequence,
        at,
        task,
        platform=f"asyncio{text}",
        function=f"shop.mail.send{text}",
        route=f"/orders{text}",
        invocation=f"invocation{text}",
        trace_id=TRACE,
        span_id=TRACE[:8],
        sampled=True,
        **more,
    )
