"""Inflation: whole or not at all, and never more than the limit."""

import gzip
import zlib

import pytest

from afterword_sidecar.otlp import TooLarge, Undecodable, UnsupportedEncoding, inflate

TEXT = bytes(range(256)) * 4000
LIMIT = len(TEXT)


@pytest.mark.parametrize("encoding", ["gzip", " GZip ", "x-gzip"])
def test_gzip(encoding: str) -> None:
    """A body of exactly the limit comes back as it was; members follow one another."""
    assert inflate(gzip.compress(TEXT), encoding, LIMIT) == TEXT
    members = gzip.compress(TEXT[:1000]) + gzip.compress(b"") + gzip.compress(TEXT[1000:])
    assert inflate(members, encoding, LIMIT) == TEXT


@pytest.mark.parametrize("encoding", ["", "identity"])
def test_none(encoding: str) -> None:
    """No encoding is no work, and the limit holds."""
    assert inflate(TEXT, encoding, LIMIT) is TEXT
    with pytest.raises(TooLarge):
        inflate(TEXT, encoding, LIMIT - 1)


def test_every_cut_is_found() -> None:
    """A gzip cut anywhere is an error, never half a body."""
    body = gzip.compress(b"evidence" * 9)
    for end in range(1, len(body)):
        with pytest.raises(Undecodable):
            inflate(body[:end], "gzip", LIMIT)
    assert inflate(b"", "gzip", LIMIT) == b""


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        zlib.compress(TEXT),
        gzip.compress(TEXT) + b"more",
        gzip.compress(TEXT)[:-8] + bytes(8),
    ],
    ids=["not gzip", "zlib", "trailing bytes", "wrong checksum"],
)
def test_corrupt(body: bytes) -> None:
    """What is not whole gzip is refused."""
    with pytest.raises(Undecodable):
        inflate(body, "gzip", LIMIT)


def test_limit() -> None:
    """One byte more than the limit is too large, in one member or in several."""
    for body in (gzip.compress(TEXT), gzip.compress(TEXT[:-5]) + gzip.compress(TEXT[-5:])):
        with pytest.raises(TooLarge):
            inflate(body, "gzip", LIMIT - 1)


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "gzip, gzip", "x" * 9999])
def test_unsupported(encoding: str) -> None:
    """An encoding we do not take says which we do."""
    with pytest.raises(UnsupportedEncoding, match="identity or gzip") as raised:
        inflate(TEXT, encoding, LIMIT)
    assert raised.value.supported == ("identity", "gzip")
    assert len(str(raised.value)) < 200
