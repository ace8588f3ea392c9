"""A request to be sent on, as it came or as we made it."""

from typing import Literal

import msgspec

from afterword_sidecar.upstream.destinations import Signal

ContentType = Literal["json", "protobuf"]


class Request(msgspec.Struct, frozen=True):
    """One OTLP export request."""

    signal: Signal
    body: bytes
    content_type: ContentType = "protobuf"
    content_encoding: str = ""
    """As the body has it now: empty, ``identity`` or ``gzip``."""
    holds_evidence: bool = False
    """There is evidence of ours in it, which is to be taken out first."""

    @property
    def size_bytes(self) -> int:
        """What it weighs while it waits."""
        return len(self.body)
