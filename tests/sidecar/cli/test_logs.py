"""The sidecar's own logs: one object a line for machines, safe lines for people."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from afterword_sidecar.logs import configure_logging

log = logging.getLogger("afterword_sidecar.test")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def root_as_it_was() -> Iterator[None]:
    """Give the root logger back its handlers."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_lines_carry_fields_and_exceptions() -> None:
    """Extra fields are fields; a traceback is in the same line; control characters are escaped."""
    stream = io.StringIO()
    configure_logging("info", "auto", stream)
    try:
        int("no\x1b[2J")
    except ValueError:
        log.exception("it broke", extra={"port": 4318})
    log.debug("not at this level")
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["message"], entry["port"]) == ("error", "it broke", 4318)
    assert "ValueError" in entry["exception"]
    assert "\x1b" not in line


def test_text_on_a_terminal_is_one_safe_line() -> None:
    """What a client sent cannot drive the terminal of whoever watches the log."""
    stream = Terminal()
    configure_logging("info", "auto", stream)
    log.warning("refused %s", "\x1b]0;owned\x07\nnext", extra={"why": "odd\n"})
    (line,) = stream.getvalue().splitlines()
    assert "warning refused \\x1b]0;owned\\x07\\nnext  why=odd\\n" in line
