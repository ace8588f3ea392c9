"""What is taken for sensitive, in fields and in texts."""

import asyncio
import time
from dataclasses import dataclass

import pytest

import afterword
from afterword import testing
from afterword.evidence import Settled
from afterword.redaction import Redactor

_REDACTOR = Redactor(("customer_no",), None)


@pytest.mark.parametrize(
    "name",
    [
        "password", "user_password", "Passwd", "PWD", "secret", "client_secret", "token",
        "access-token", "refreshToken", "Authorization", "X-API-Key", "apiKey", "cardNumber",
        "card_number", "cvv", "PIN", "Set-Cookie", "private_key", "AWS_SECRET_ACCESS_KEY", "ssn",
        "customerNo",
    ],
)  # fmt: skip
def test_sensitive_names(name: str) -> None:
    """However they are written."""
    assert _REDACTOR.is_sensitive(name)


@pytest.mark.parametrize(
    "name", ["order", "max_tokens", "token_count", "author", "spinner", "pinned", "company"]
)
def test_names_that_only_look_like_it(name: str) -> None:
    """A payload without its numbers cannot be replayed."""
    assert not _REDACTOR.is_sensitive(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ValueError: password=hunter2 refused", "ValueError: password=[redacted] refused"),
        ("{'token': 'a b', 'id': 5}", "{'token': [redacted], 'id': 5}"),
        ('login(user="ada", password="x y")', 'login(user="ada", password=[redacted])'),
        ("Authorization: Bearer abc.def.ghi", "Authorization: [redacted]"),
        ("sent Bearer abcdefgh12345 to it", "sent Bearer [redacted] to it"),
        ("postgres://shop:pw@db/orders", "postgres://[redacted]@db/orders"),
        ("settings.api_key: abc, n=1", "settings.api_key: [redacted], n=1"),
        ('secret="never closed', "secret=[redacted]"),
        ("customer-no = 4711", "customer-no = [redacted]"),
        ("nothing: to see, here=1", "nothing: to see, here=1"),
    ],
)
def test_texts(text: str, expected: str) -> None:
    """Exception messages and stacks pass without what is named in them."""
    assert _REDACTOR.text("exception.message", text) == expected


@pytest.mark.parametrize("piece", ["a=", "password=", "token: '", 'secret="', "Bearer ", "://a"])
def test_hostile_texts_take_no_longer_than_long_ones(piece: str) -> None:
    """Twenty thousand characters made to backtrack: measured in CPU time, bounded generously."""
    began = time.process_time()
    _REDACTOR.text("exception.message", piece * (20_000 // len(piece)))
    assert time.process_time() - began < 2


def test_the_applications_callable_has_the_last_word() -> None:
    """It sees what is left; what is no text, or its failure, leaks nothing."""
    assert Redactor((), lambda _path, text: str(text).upper()).text("m", "abc") == "ABC"
    assert "redacted" in Redactor((), lambda _path, _text: None).text("m", "abc")

    def failing(_path: str, text: object) -> object:
        raise RuntimeError(text)

    assert "abc" not in Redactor((), failing).text("m", "abc")


async def test_a_callable_that_fails_on_everything_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A dataclass with ``__call__`` has no hash: a failed task is closed all the same, redacted."""

    @dataclass
    class Own:
        calls: int = 0

        def __call__(self, path: str, value: object) -> object:
            self.calls += 1
            raise LookupError(path)

    async def failing(number: int) -> None:
        raise ValueError(number)

    own = Own()
    with testing.recording(redact=own, capture=True) as evidence:
        futures = [afterword.wait_until(failing(number)) for number in range(3)]
        await asyncio.wait([future for future in futures if future is not None])
        told = [settled.failure for settled in evidence.of(Settled)]
    assert own.calls == 9
    assert [failure.exception_message for failure in told if failure is not None] == [
        "[redacted: the application's redact callable failed]"
    ] * 3
    assert len(caplog.records) == 1
