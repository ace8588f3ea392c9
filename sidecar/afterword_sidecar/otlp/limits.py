"""A limit on everything that a request can make us build."""

import msgspec


class DecodeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Each is checked before the objects it bounds are made."""

    records: int = 100_000
    """Records in a request. Where its envelope is walked by hand (protobuf, and JSON that msgspec
    refuses) all of the envelope's fields count, empty ones too: they are 2 bytes each."""
    json_objects: int = 500_000
    """Braces and brackets opened in a JSON body: an upper bound of the objects it can become. One
    record of ours has about 25."""
    record_bytes: int = 1 << 20
    """One record, resource or scope in protobuf, or in JSON that msgspec refuses; larger ones are
    rejected alone."""
    attributes: int = 1024
    """Attributes of one record in protobuf; records with more are rejected (SDKs stop at 128)."""


DEFAULT_LIMITS = DecodeLimits()

# Strings of one record, in characters. Longer ones are cut, but a payload is left out instead:
# half a payload cannot be run again.
NAME_CHARACTERS = 255
MESSAGE_CHARACTERS = 4 * 1024
STACK_CHARACTERS = 32 * 1024
PAYLOAD_CHARACTERS = 256 * 1024

LARGEST_SECONDS = 2.0**64 / 1e9
"""No time or duration is larger: it is what OTLP's 64-bit nanoseconds can say (year 2554)."""
RESOURCE_ATTRIBUTES = 64
"""Attributes of a resource that are kept, besides the names of the service and its instance."""
RESOURCE_BYTES = 4 * 1024
"""All of them, keys and all, as JSON."""
ROLLUP_RANGES = 4096
"""Ranges in one rollup."""
ROLLUP_SEQUENCES = 10_000_000
"""Sequence numbers that one rollup may stand for."""
