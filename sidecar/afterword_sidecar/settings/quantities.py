"""How settings are written: durations, sizes, counts, choices. Pure.

A parser takes the text a person wrote and returns the value, or raises ``RefusedError`` with the
reason and what to write instead.
"""

import re
from typing import Final

_NUMBER: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]*)")
_SECONDS: Final = {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES: Final = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}
_LONGEST_SECONDS: Final = 100 * 365 * 86400.0
"""Beyond it moments cannot be written, nor waited for."""
_MOST_BYTES: Final = 2**60
"""Beyond it a database cannot compare them."""
_HIGHEST_PORT: Final = 65535
_TRACE_URL: Final = "https://jaeger.example/trace/{trace_id}"


class RefusedError(ValueError):
    """A value that cannot be taken: ``why``, and a ``hint`` what to write instead."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


def _scaled(text: str, units: dict[str, float], most: float, what: str, example: str) -> float:
    plain = text.strip()
    if plain.startswith("-") and _NUMBER.fullmatch(plain[1:]):
        raise RefusedError("it is negative", f"for example {example}")
    found = _NUMBER.fullmatch(plain)
    unit = found["unit"].lower() if found else ""
    if not found or unit not in units:
        known = ", ".join(name for name in units if name)
        raise RefusedError(f"it is not {what}", f"write a number and a unit ({known}): {example}")
    value = float(found["number"]) * units[unit]
    if not value <= most:
        raise RefusedError("it is too large", f"for example {example}")
    return value


def duration(text: str) -> float:
    """Seconds from ``90``, ``90s``, ``1.5m``, ``7d``; more than nothing."""
    seconds = _scaled(text, dict(_SECONDS), _LONGEST_SECONDS, "a duration", "30s, 15m, 7d")
    if seconds <= 0:
        raise RefusedError("it must be longer than nothing", "for example 30s")
    return seconds


def duration_or_none(text: str) -> float:
    """Seconds as ``duration`` reads them, but nothing (0) is allowed too."""
    return _scaled(text, dict(_SECONDS), _LONGEST_SECONDS, "a duration", "0, 30s, 15m")


def size(text: str) -> int:
    """Bytes from ``1048576``, ``64MiB``, ``1.5GB``; at least one."""
    value = int(_scaled(text, dict(_BYTES), _MOST_BYTES, "a size", "20MiB, 1GiB"))
    if value < 1:
        raise RefusedError("it must be at least one byte", "for example 20MiB")
    return value


def count(text: str) -> int:
    """A whole number from 1."""
    digits = text.strip().replace("_", "")
    if not re.fullmatch(r"[0-9]{1,15}", digits) or int(digits) < 1:
        raise RefusedError("it is not a whole number from 1", "for example 1000")
    return int(digits)


def port(text: str) -> int:
    """A TCP port; 0 lets the system choose one."""
    digits = text.strip()
    if not re.fullmatch(r"[0-9]{1,5}", digits) or int(digits) > _HIGHEST_PORT:
        raise RefusedError("it is not a port", f"0 (any free one) to {_HIGHEST_PORT}")
    return int(digits)


def host(text: str) -> str:
    """A host name or address to listen on, without a port."""
    name = text.strip().removeprefix("[").removesuffix("]")
    if not re.fullmatch(r"[A-Za-z0-9._:%-]+", name) or "://" in text:
        raise RefusedError("it is not a host name or address", "for example 127.0.0.1 or ::1")
    if re.fullmatch(r"[^:]+:\d+", name):
        raise RefusedError("it has a port in it", "give the port by its own setting")
    return name


def secret(text: str) -> str:
    """A bearer token: what an HTTP header can carry, without blanks; or nothing."""
    token = text.strip()
    if not re.fullmatch(r"[!-~]*", token):
        raise RefusedError("it cannot go into an HTTP header", "printable ASCII without blanks")
    return token


def path(text: str) -> str:
    """A path in the file system, or nothing."""
    if "\0" in text:
        raise RefusedError("it has a zero byte in it", "leave it out")
    return text


def trace_url(text: str) -> str:
    """A web address with ``{trace_id}`` in it, or nothing."""
    url = text.strip()
    if url and not re.fullmatch(r"https?://[!-~]+", url):
        raise RefusedError("it is not a web address", f"for example {_TRACE_URL}")
    if url and "{trace_id}" not in url.partition("://")[2].partition("/")[2]:
        raise RefusedError("its path has no {trace_id} in it", f"for example {_TRACE_URL}")
    return url


def words(text: str) -> frozenset[str]:
    """Names divided by commas."""
    return frozenset(name for name in (part.strip() for part in text.split(",")) if name)


def choice(text: str, options: tuple[str, ...]) -> str:
    """One of ``options``, in any case."""
    word = text.strip().lower()
    if word not in options:
        raise RefusedError(f"it is not one of {', '.join(options)}", f"for example {options[0]}")
    return word
