"""Log requests in which all keys and events are of ``names``, as our own instrumentation's are.

msgspec then gives the very strings of ``names``, hashed once for all, where it would make a new one
for each attribute: 0.2 us a record. It is a short cut and nothing else: it refuses what has any
other key, at the first of them, and ``shapes`` takes that.
"""

from types import GenericAlias
from typing import Any, Final, Literal

import msgspec

from afterword import names
from afterword_sidecar.otlp.shapes import (
    KeyValue,
    LogRecord,
    LogsRequest,
    ResourceLogs,
    ScopeLogs,
)

_NAMES: Final = tuple(value for value in vars(names).values() if isinstance(value, str))


def _narrowed(shape: type[msgspec.Struct], **narrower: object) -> Any:
    """``shape`` with other types for some of its fields."""
    fields = msgspec.structs.fields(shape)
    return msgspec.defstruct(
        f"Familiar{shape.__name__}",
        [(each.name, narrower.get(each.name, each.type), each.default) for each in fields],
        bases=(shape,),
        rename={each.name: each.encode_name for each in fields},
        gc=False,
    )


def _perhaps_many(shape: type[msgspec.Struct]) -> object:
    return GenericAlias(list, shape) | None


_NAME: Final[Any] = Literal.__getitem__(_NAMES)
_RECORD: Final = _narrowed(
    LogRecord,
    event_name=_NAME | None,
    attributes=_perhaps_many(_narrowed(KeyValue, key=_NAME)),
)
_SCOPE: Final = _narrowed(ScopeLogs, records=_perhaps_many(_RECORD))
_RESOURCE: Final = _narrowed(ResourceLogs, scopes=_perhaps_many(_SCOPE))
FAMILIAR_LOGS: Final[type[LogsRequest]] = _narrowed(LogsRequest, resources=_perhaps_many(_RESOURCE))
"""``LogsRequest``, for fewer bodies."""
