"""The decision after an attempt, status by status."""

from email.utils import formatdate

import pytest

from afterword.delivery.retry import (
    LONGEST_RETRY_AFTER_SECONDS,
    Again,
    Answer,
    Delivered,
    GiveUp,
    Smaller,
    back_off,
    decide,
    hurried,
    retry_after,
)

NOW = 1_790_000_000.0


def decision(status: int, body: bytes = b"", **headers: str) -> object:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return decide(Answer(status, names, body), attempt=1, now=NOW, random=lambda: 0.5)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_transient_statuses_are_tried_again(status: int) -> None:
    """The four statuses that OTLP calls retryable are retried, and only they."""
    assert decision(status) == Again(0.25, by_order=False)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 408, 415, 500, 501, 505])
def test_other_statuses_lose_the_data(status: int) -> None:
    """What the same data will never change is not sent again, and the answer is quoted."""
    assert decision(status, b"why not") == GiveUp(f"status {status}: 'why not'")


def test_no_answer_is_tried_again() -> None:
    """A refused, reset or silent connection is retried with back-off."""
    again = decide(None, attempt=3, now=NOW, random=lambda: 0.5)
    assert again == Again(1.0, by_order=False)


def test_too_large_is_sent_in_pieces() -> None:
    """413 asks for less, not for never."""
    assert decision(413) == Smaller()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        ("9" * 40, LONGEST_RETRY_AFTER_SECONDS),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("Fri, 31 Dec 9999 23:59:59 -2400", None),
    ],
)
def test_retry_after_in_both_forms(value: str, seconds: float | None) -> None:
    """Seconds and HTTP dates are read, nonsense is ignored, and an hour is cut to minutes."""
    assert retry_after(value, NOW) == seconds


def test_retry_after_is_an_order() -> None:
    """A delay that the sidecar names is kept, with up to a second more against stampedes."""
    assert decision(503, retry_after="7") == Again(7.5, by_order=True)


def test_an_order_does_not_outlast_a_promise() -> None:
    """Whoever has a lease to keep is back by a third of it, and before that not all at once."""
    ordered = Answer(503, {"retry-after": "60"}, b"")
    jitter = iter([0.0, 0.5])
    for delay in (9.0, 9.5):
        decided = decide(
            ordered, attempt=1, now=NOW, random=lambda: next(jitter), most_seconds=10.0
        )
        assert decided == Again(delay, by_order=True)


def test_back_off_is_exponential_with_full_jitter() -> None:
    """The bound doubles from 0.5 s to 30 s, and the delay lies anywhere below it."""
    bounds = [back_off(attempt, lambda: 1.0) for attempt in range(1, 9)]
    assert bounds == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert back_off(10**9, lambda: 0.5) == 15.0
    assert back_off(5, lambda: 0.0) == 0.0


@pytest.mark.parametrize(
    ("left", "random", "delay"),
    [(0.0, 0.5, 8.0), (2.0, 0.5, 0.1), (0.25, 1.0, 0.15), (0.05, 1.0, 0.2)],
)
def test_a_deadline_makes_attempts_frequent(left: float, random: float, delay: float) -> None:
    """While somebody waits it is 0.2 s at most, and the last attempt has a moment to succeed."""
    assert hurried(8.0, left, lambda: random) == delay


def test_only_a_connection_that_fails_is_hurried() -> None:
    """A sidecar that answers that it is overloaded is not asked ten times a second."""
    decided = [
        decide(answer, attempt=3, now=NOW, random=lambda: 0.5, left_seconds=2.0)
        for answer in (None, Answer(503, {}, b""))
    ]
    assert decided == [Again(0.1, by_order=False), Again(1.0, by_order=False)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", Delivered()),
        (b"{}", Delivered()),
        (b'{"partialSuccess":{}}', Delivered()),
        (b'{"partialSuccess":null}', Delivered()),
        (b'{"partialSuccess":', Delivered()),
        (b'{"partialSuccess":{"rejectedLogRecords":"x"}}', Delivered()),
        (
            b'{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"bad"}}',
            Delivered(3, "bad"),
        ),
        (b'{"partialSuccess":{"rejectedLogRecords":2}}', Delivered(2, "")),
    ],
)
def test_partial_success_is_read(body: bytes, expected: Delivered) -> None:
    """A 200 may still have rejected records; an unreadable answer has not."""
    assert decision(200, body) == expected
