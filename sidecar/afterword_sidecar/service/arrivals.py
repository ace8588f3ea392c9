"""Evidence that is here but not yet in line: while it is decoded, time must not overtake it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count


class Arrivals:
    """When each body that is being decoded reached the sidecar.

    Register a body when it is complete, never before: who sends slowly must not hold time back.
    """

    def __init__(self, gone: Callable[[], None]) -> None:
        """``gone`` is called when an arrival has left: time may go on."""
        self._gone = gone
        self._numbers = count()
        self._received_at: dict[int, float] = {}

    @contextmanager
    def arrived(self, received_at: float) -> Iterator[None]:
        """For as long as the evidence that came at ``received_at`` is not in line."""
        number = next(self._numbers)
        self._received_at[number] = received_at
        try:
            yield
        finally:
            del self._received_at[number]
            self._gone()

    def oldest_received_at(self) -> float | None:
        """When the oldest of them came, Unix seconds; ``None`` if nothing is on its way."""
        return min(self._received_at.values(), default=None)
