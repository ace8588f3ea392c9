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
_FIRST_PIECE_BYTES: Final = 1 << 10
"""A member is fed in pieces that begin small and double: zlib copies what it leaves over, so that a
million empty members fed whole would be copied a million times."""


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
    inflated_bytes = at = 0
    while at < len(body):
        member = zlib.decompressobj(_GZIP_WINDOW)
        piece_bytes, rest = _FIRST_PIECE_BYTES, b""
        while not member.eof:
            piece = rest
            if not piece:
                piece = body[at : at + piece_bytes]
                at += len(piece)
                piece_bytes = min(2 * piece_bytes, _CHUNK_BYTES)
            most_bytes = min(_CHUNK_BYTES, limit_bytes - inflated_bytes + 1)
            try:
                chunk = member.decompress(piece, most_bytes)
            except zlib.error as error:
                raise Undecodable(f"cannot inflate the body: not gzip ({error})") from error
            rest = member.unconsumed_tail
            inflated_bytes += len(chunk)
            if inflated_bytes > limit_bytes:
                raise _too_large(limit_bytes)
            if not chunk and not piece and not member.eof:
                raise Undecodable("cannot inflate the body: the gzip is cut short")
            yield chunk
        at -= len(member.unused_data)


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(
        f"cannot take the body: more than {limit_bytes} bytes once inflated: send smaller batches"
    )
