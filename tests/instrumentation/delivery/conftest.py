"""What a reporter may see of what happens: its own errors raised, its warnings kept."""

import logging
from collections.abc import Iterator

import pytest

from afterword import internal_errors


@pytest.fixture(autouse=True)
def own_errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours fails the test that meets it, instead of being logged."""
    monkeypatch.setattr(internal_errors, "re_raise", True)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """The messages of warnings logged by deliveries, as they come."""
    messages: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    keeper = Keeper(logging.WARNING)
    logger = logging.getLogger("afterword.delivery")
    logger.addHandler(keeper)
    yield messages
    logger.removeHandler(keeper)
