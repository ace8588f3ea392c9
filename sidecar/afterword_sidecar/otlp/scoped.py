"""What both encodings hand to the reading of evidence: the records of one resource and scope."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from afterword_sidecar.otlp.shapes import Attributed

R = TypeVar("R")


class Scoped(NamedTuple, Generic[R]):
    """The records told under one resource and scope."""

    resource: Attributed | None
    scope: Attributed | None
    records: Sequence[R | None]
    """``None`` where a record could not be read."""
    readable: bool = True
    """False if resource or scope could not be read, and so the records belong to nobody."""
