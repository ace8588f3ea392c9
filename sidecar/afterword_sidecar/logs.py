"""Structured logs on standard error: JSON lines for machines, readable lines on a terminal.

What a call passes as ``extra=`` becomes fields of its own. Evidence, payloads and tokens are never
logged by anybody here.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """``record`` as JSON; what JSON does not know is written as its ``str``."""
        entry = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)  # ASCII: no control character gets through


class TextLines(logging.Formatter):
    """Time, level, message and fields, for people."""

    def format(self, record: logging.LogRecord) -> str:
        """``record`` in a line; a traceback follows it."""
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        time = _moment(record)[11:23]
        line = f"{time} {record.levelname.lower():<7} {record.getMessage()}"
        line = _escaped(f"{line}  {fields}" if fields else line)
        if record.exc_info:
            trace = self.formatException(record.exc_info).splitlines()
            line = "\n".join((line, *map(_escaped, trace)))
        return line


def configure_logging(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send all logs of ``level`` and above to ``stream``; ``auto`` is text on a terminal only."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    text = form == "text" or (form == "auto" and stream.isatty())
    handler.setFormatter(TextLines() if text else JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _moment(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _escaped(line: str) -> str:
    """``line`` with what could drive a terminal written as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in line
    )
