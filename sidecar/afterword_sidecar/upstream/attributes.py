"""OTLP's messages from Python values. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from afterword import names
from afterword_sidecar import __version__
from afterword_sidecar.ledger.facts import Source

Value = str | bool | int | float | Mapping[str, "Value | None"] | Iterable["Value"]
_LAST_NANOSECOND: Final = 2**64 - 1
_scalars: Final = msgspec.json.Decoder(dict[str, str | bool | int | float]).decode


def key_values(attributes: Mapping[str, Value | None]) -> list[KeyValue]:
    """Attributes; those that are ``None`` or empty text are left out."""
    return [
        KeyValue(key=key, value=any_value(value))
        for key, value in attributes.items()
        if value is not None and value != ""
    ]


def any_value(value: Value) -> AnyValue:
    """One value."""
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, Mapping):
        return AnyValue(kvlist_value=KeyValueList(values=key_values(value)))
    return AnyValue(array_value=ArrayValue(values=[any_value(each) for each in value]))


def resource_of(source: Source) -> Resource:
    """The resource that the task itself belongs to, as its spans have it."""
    namespace, slash, name = source.service.partition("/")
    return Resource(
        attributes=key_values(
            {
                names.SERVICE_NAME: name if slash else source.service,
                names.SERVICE_NAMESPACE: namespace if slash else None,
                names.SERVICE_INSTANCE_ID: source.instance,
                **(_scalars(source.resource) if source.resource else {}),
            }
        )
    )


def scope_of(source: Source) -> InstrumentationScope:
    """The scope of what the sidecar tells of a stream."""
    return InstrumentationScope(
        name=names.SCOPE_NAME,
        version=__version__,
        attributes=key_values({names.STREAM: source.stream.hex()}),
    )


def nanoseconds(seconds: float) -> int:
    """Unix seconds as OTLP has them: 0 to 2⁶⁴ - 1."""
    return min(max(round(seconds * 1e9), 0), _LAST_NANOSECOND)
