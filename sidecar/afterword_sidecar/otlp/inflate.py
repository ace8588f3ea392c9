"""Content encodings: bounded inflation that never takes half a body for a whole one.

Source: RFC 1952 (gzip; members may follow one another), OTLP/HTTP (none and gzip are required).
"""

import zlib
from collections.abc import Iterator
from typing import Final

from afterword_sidecar.otlp.errors import TooLarge, Undecodable, UnsupportedEncoding

SUPPORTED_ENCODINGS: Final = ("identity", "gzip")
_NONE: Final = ("", "identity")
_GZIP: Final = ("gzip", "x-gzip")
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS  # a gzip header and trailer are required and checked
_CHUNK_BYTES: Final = 1 << 18


def inflate(body: bytes, content_encoding: str, limit_bytes: int) -> bytes:
    """``body`` without its content encoding.

    ``content_encoding`` as the header has it, empty where there is none. Holds twice
    ``limit_bytes`` at most, while the chunks are joined. Raises ``TooLarge``, ``Undecodable``
    (corrupt, cut short, or followed by something else), ``UnsupportedEncoding``.
    """
    encoding = content_encoding.strip().lower()
    if encoding in _NONE:
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes)
        return body
    if encoding not in _GZIP:
        raise UnsupportedEncoding(content_encoding, SUPPORTED_ENCODINGS)
    return b"".join(inflate_chunks(body, limit_bytes))


def inflate_chunks(body: bytes, limit_bytes: int) -> Iterator[bytes]:
    """What gzip ``body`` inflates to, in chunks. Only when it ends is the body known to be whole.

    Raises ``TooLarge``, ``Undecodable``.
    """
    inflated_bytes = 0
    rest = body
    while rest:
        member = zlib.decompressobj(_GZIP_WINDOW)
        while not member.eof:
            try:
                chunk = member.decompress(rest, min(_CHUNK_BYTES, limit_bytes - inflated_bytes + 1))
            except zlib.error as error:
                raise Undecodable(f"cannot inflate the body: not gzip ({error})") from error
            rest = member.unconsumed_tail
            inflated_bytes += len(chunk)
            if inflated_bytes > limit_bytes:
                raise _too_large(limit_bytes)
            if not chunk and not rest and not member.eof:
                raise Undecodable("cannot inflate the body: the gzip is cut short")
            yield chunk
        rest = member.unused_data


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(
        f"cannot take the body: more than {limit_bytes} bytes once inflated: send smaller batches"
    )
