"""What a resource says of its application besides who it is: kept for what is told of its tasks.

Its attributes as they came, so that a verdict and a missing span can stand under the resource that
their siblings stand under. One text for all: it is compared and stored with each source.
"""

import math
from typing import Final

import msgspec

from afterword import names
from afterword_sidecar.otlp.limits import RESOURCE_ATTRIBUTES, RESOURCE_BYTES
from afterword_sidecar.otlp.shapes import AnyValue
from afterword_sidecar.otlp.values import Attributes, clean

_KNOWN_OTHERWISE: Final = (names.SERVICE_NAME, names.SERVICE_NAMESPACE, names.SERVICE_INSTANCE_ID)
"""What a source says anyway. Without its instance the resource of very many functions is one."""
_REMEMBERED: Final = 1024
_INT64: Final = 1 << 63

_encode: Final = msgspec.json.Encoder().encode
_texts: dict[str, str] = {}
"""One object for equal texts. Emptied when it is full: it costs memory then, and nothing else."""


def resource_text(about: Attributes) -> str:
    """Strings, numbers and booleans of a resource as a JSON object; empty if there are none.

    At most ``RESOURCE_ATTRIBUTES`` and ``RESOURCE_BYTES``: what finds no room is left out, whole.
    """
    members: list[bytes] = []
    room = RESOURCE_BYTES
    for key, value in about.items():
        scalar = None if key in _KNOWN_OTHERWISE else _scalar(value)
        if scalar is None or not key:
            continue
        member = _encode(clean(key, RESOURCE_BYTES)) + b":" + _encode(scalar)
        if len(member) < room and len(members) < RESOURCE_ATTRIBUTES:
            members.append(member)
            room -= len(member) + 1
    return _one_of((b"{" + b",".join(members) + b"}").decode()) if members else ""


def _scalar(value: AnyValue) -> str | bool | int | float | None:
    """The value; ``None`` where there is none that OTLP can say again."""
    if value.string_value:
        return clean(value.string_value, RESOURCE_BYTES + 1)  # what is longer finds no room
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return value.int_value if -_INT64 <= value.int_value < _INT64 else None
    number = value.double_value
    return number if number is not None and math.isfinite(number) else None


def _one_of(text: str) -> str:
    if len(_texts) >= _REMEMBERED and text not in _texts:
        _texts.clear()
    return _texts.setdefault(text, text)
