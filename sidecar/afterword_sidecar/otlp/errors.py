"""What can be wrong with a request as a whole. A bad record is never one of these.

- ``OtlpError``: a request that cannot be taken

  - ``Undecodable``: the body is not OTLP at all, or not whole gzip (400)
  - ``UnsupportedEncoding``: a content encoding we do not take (400, or 415)
  - ``TooLarge``: too many bytes once inflated (413)

    - ``TooManyRecords``: too many records or objects, whatever their bytes (413)
"""


class OtlpError(Exception):
    """A request that cannot be taken; the message names operation, subject and a hint."""


class Undecodable(OtlpError):  # noqa: N818 - says what the body is
    """The body, as a whole, is not OTLP in the encoding it claims, or not whole gzip."""


class UnsupportedEncoding(OtlpError):  # noqa: N818 - says what the body has
    """The content encoding is none of ``supported``."""

    def __init__(self, encoding: str, supported: tuple[str, ...]) -> None:
        super().__init__(
            f"cannot read content encoding {encoding[:40]!r}: send {' or '.join(supported)}"
        )
        self.supported = supported


class TooLarge(OtlpError):  # noqa: N818 - says what the body is
    """The request is larger than the limit: send it in smaller parts."""


class TooManyRecords(TooLarge):
    """More records or objects than the limit, found before any of them was built."""
