"""What an upstream's answer means, and how long to wait for the next try."""

from email.utils import formatdate

import pytest

from afterword_sidecar.upstream.answers import (
    LONGEST_RETRY_AFTER_SECONDS,
    Answer,
    Fault,
    Patience,
    Refused,
    Taken,
    TryAgain,
    of_grpc,
    of_http,
    retry_after,
)

NOW = 1_795_460_000.0


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, Taken(3, "too old")),
        (202, Taken(3, "too old")),
        (307, Refused("HTTP 307 Why", Fault.SENDER)),
        (400, Refused("HTTP 400 Why", Fault.REQUEST)),
        (401, Refused("HTTP 401 Why", Fault.SENDER)),
        (404, Refused("HTTP 404 Why", Fault.SENDER)),
        (413, Refused("HTTP 413 Why", Fault.REQUEST)),
        (415, Refused("HTTP 415 Why", Fault.ENCODING)),
        (429, TryAgain("HTTP 429 Why", 7.0)),
        (500, Refused("HTTP 500 Why", Fault.SENDER)),
        (502, TryAgain("HTTP 502 Why", 7.0)),
        (503, TryAgain("HTTP 503 Why", 7.0)),
        (504, TryAgain("HTTP 504 Why", 7.0)),
    ],
)
def test_only_what_the_specification_names_is_tried_again(status: int, answer: Answer) -> None:
    """429, 502, 503 and 504, after what Retry-After asks for; 500 is not among them."""
    assert of_http(status, "Why", {"Retry-After": "7"}, (3, "too old"), NOW) == answer


@pytest.mark.parametrize(
    ("code", "delay_seconds", "answer"),
    [
        ("UNAVAILABLE", 2.0, TryAgain("gRPC UNAVAILABLE why", 2.0)),
        ("DEADLINE_EXCEEDED", None, TryAgain("gRPC DEADLINE_EXCEEDED why", 0.0)),
        ("RESOURCE_EXHAUSTED", 2.0, TryAgain("gRPC RESOURCE_EXHAUSTED why", 2.0)),
        ("RESOURCE_EXHAUSTED", None, Refused("gRPC RESOURCE_EXHAUSTED why", Fault.REQUEST)),
        ("INVALID_ARGUMENT", None, Refused("gRPC INVALID_ARGUMENT why", Fault.REQUEST)),
        ("UNAUTHENTICATED", None, Refused("gRPC UNAUTHENTICATED why", Fault.SENDER)),
    ],
)
def test_grpc_codes(code: str, delay_seconds: float | None, answer: Answer) -> None:
    """The same over gRPC; a full server is asked again only where it says when."""
    assert of_grpc(code, "why", delay_seconds) == answer


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (formatdate(NOW + 30, usegmt=True), 30.0),
        (formatdate(NOW - 30, usegmt=True), 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("nan", 0.0),
        ("1e400", 0.0),
        ("Xxx, 99 Foo 0000 99:99:99 GMT", 0.0),
        ("99999999", LONGEST_RETRY_AFTER_SECONDS),
    ],
)
def test_retry_after(header: str, seconds: float) -> None:
    """Seconds or an HTTP date; nonsense asks for nothing, and nobody is silenced for a year."""
    assert retry_after(header, NOW) == seconds


def test_pauses_double_up_to_the_longest_and_never_undercut_what_was_asked_for() -> None:
    """With jitter between half and all of it, so that sidecars do not come back together."""
    patience = Patience(first_pause_seconds=1.0, longest_pause_seconds=30.0)
    again = TryAgain("why")

    def pauses(chance: float) -> list[float]:
        tries = (1, 2, 3, 6, 100_000)
        return [patience.pause_seconds(each, again, lambda: chance) for each in tries]

    assert pauses(1.0) == [1.0, 2.0, 4.0, 30.0, 30.0]
    assert pauses(0.0) == [0.5, 1.0, 2.0, 15.0, 15.0]
    assert patience.pause_seconds(1, TryAgain("why", 90.0), lambda: 0.0) == 90.0
