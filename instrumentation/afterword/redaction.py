"""What must not leave the process: fields with telling names, in payloads and in texts.

Names are compared without case and punctuation, so ``api_key``, ``X-API-Key`` and ``apiKey`` are
one. Texts (exception messages, stacks) have no fields, but they have ``password=…``,
``'token': '…'``, ``Bearer …`` and ``https://user:password@host``.
"""

import re
from functools import lru_cache
from typing import Final

from afterword.internal_errors import logger
from afterword.settings import Redact, Settings

REDACTED: Final = "[redacted]"
_CALLABLE_FAILED: Final = "[redacted: the application's redact callable failed]"

_CONTAINED: Final = (
    "apikey", "authorization", "cardnumber", "ccnumber", "credential", "creditcard", "passphrase",
    "passwd", "password", "privatekey", "secret", "signingkey", "socialsecurity",
)  # fmt: skip
_AT_THE_END: Final = ("cookie", "jwt", "pwd", "token", "accesskey", "encryptionkey")
_WHOLE: Final = frozenset(
    [
        "auth",
        "bearer",
        "csrf",
        "cvc",
        "cvv",
        "cvv2",
        "otp",
        "pan",
        "pin",
        "session",
        "sessionid",
        "sid",
        "signature",
        "ssn",
    ]
)

# Every quantifier is bounded: the time for hostile text stays in proportion to its length.
_NAME: Final = re.compile(r"""([\w.-]{1,64})["']?\s{0,4}[:=]\s{0,4}""")
_VALUE: Final = re.compile(
    r"""(?:Bearer|Basic|Token)\s{1,4}[^\s,;'"]{1,8192}|b?"[^"]{0,8192}(?:"|$)"""
    r"""|b?'[^']{0,8192}(?:'|$)|[^\s,;)}\]'"]{1,8192}""",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"\b(Bearer|Basic)\s{1,4}[\w.~+/=-]{8,8192}", re.IGNORECASE)
_USER_INFO: Final = re.compile(r"(://)[^\s/@]{1,512}@")


_latest: "tuple[Settings, Redactor] | None" = None


def redactor_of(settings: Settings) -> "Redactor":
    """The redactor that the settings ask for; the same one for the same settings, the object.

    By identity, as the application's callable need not be hashable.
    """
    global _latest  # noqa: PLW0603 - a process has one set of settings, mostly
    latest = _latest
    if latest is None or latest[0] is not settings:
        _latest = latest = (settings, Redactor(settings.redact_fields, settings.redact))
    return latest[1]


class Redactor:
    """Decides what is sensitive. Neither raises nor lets a value through where it cannot decide."""

    def __init__(self, fields: tuple[str, ...], own: Redact | None) -> None:
        self._fields: Final = frozenset(map(_normal, fields))
        self._own: Final = own
        self._sensitive: Final = lru_cache(maxsize=1024)(self._is_sensitive)

    def is_sensitive(self, name: str) -> bool:
        """Whether a field of this name is redacted."""
        return self._sensitive(name)

    def value(self, path: str, value: object) -> object:
        """The value as the application's own callable wants it; its failure leaks nothing."""
        if self._own is None:
            return value
        try:
            return self._own(path, value)
        except Exception as error:  # noqa: BLE001 - user code, whose message may hold the value
            raised = type(error).__name__
            logger.warn_once(
                f"redact {raised}",
                "afterword: the redact callable raised %s on %.200s; its value was left out, and "
                "so is every other it fails on. (Told once per exception.)",
                raised,
                path,
            )
            return _CALLABLE_FAILED

    def text(self, path: str, text: str) -> str:
        """A text without what looks sensitive, then as the application's callable wants it."""
        if not text:
            return text
        text = self._without_sensitive_pairs(text)
        text = _BEARER.sub(rf"\1 {REDACTED}", text)
        text = _USER_INFO.sub(rf"\1{REDACTED}@", text)
        own = self.value(path, text)
        return own if isinstance(own, str) else _CALLABLE_FAILED

    def _without_sensitive_pairs(self, text: str) -> str:
        """``ValueError: password=x`` is a pair whose value is a pair: each name is looked at."""
        kept: list[str] = []
        done = 0
        for name in _NAME.finditer(text):
            if name.start() < done or not self.is_sensitive(name[1].rpartition(".")[2]):
                continue
            value = _VALUE.match(text, name.end())
            if value is not None:
                kept += text[done : name.end()], REDACTED
                done = value.end()
        return "".join((*kept, text[done:]))

    def _is_sensitive(self, name: str) -> bool:
        normal = _normal(name)
        return (
            normal in _WHOLE
            or normal in self._fields
            or normal.endswith(_AT_THE_END)
            or any(part in normal for part in _CONTAINED)
        )


def _normal(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()
