"""Who reports: a resource and a scope become service, instance and stream, once a scope."""

from binascii import unhexlify
from typing import NamedTuple

from afterword import names
from afterword_sidecar.ledger.facts import STREAM_BYTES, UNKNOWN_SERVICE, Source
from afterword_sidecar.otlp.resources import resource_text
from afterword_sidecar.otlp.shapes import ABSENT, Attributed
from afterword_sidecar.otlp.values import LABELS, Attributes

_NO_STREAM = bytes(STREAM_BYTES)


class Origin(NamedTuple):
    """What the records of one resource and scope share."""

    service: str
    """``namespace/name``; ``name`` alone without a namespace; ``unknown_service`` without both."""
    instance: str
    stream: bytes | None
    """``None``: told by a foreign SDK. Empty: there is one, and it is malformed."""
    resource: str
    """What else the resource says: ``resources.resource_text``."""

    def source(self, stream: bytes) -> Source:
        """Who reports, as this stream."""
        return Source(stream, self.service, self.instance, self.resource)


def attributes_of(carrier: Attributed | None) -> Attributes:
    """The attributes of a resource or scope by key."""
    if carrier is None or not carrier.attributes:
        return {}
    return {attribute.key: attribute.value for attribute in carrier.attributes}


def origin_of(resource: Attributed | None, scope: Attributed | None) -> Origin:
    """Read the service from the resource and the stream from the scope."""
    about = attributes_of(resource)
    name = LABELS[about.get(names.SERVICE_NAME, ABSENT).string_value] or UNKNOWN_SERVICE
    namespace = LABELS[about.get(names.SERVICE_NAMESPACE, ABSENT).string_value]
    return Origin(
        service=f"{namespace}/{name}" if namespace else name,
        instance=LABELS[about.get(names.SERVICE_INSTANCE_ID, ABSENT).string_value],
        stream=_stream(attributes_of(scope)),
        resource=resource_text(about),
    )


def _stream(scope: Attributes) -> bytes | None:
    value = scope.get(names.STREAM)
    if value is None:
        return None
    try:
        stream = unhexlify(value.string_value or "")
    except ValueError:
        return b""
    return stream if len(stream) == STREAM_BYTES and stream != _NO_STREAM else b""
