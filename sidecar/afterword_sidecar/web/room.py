"""Memory for bodies: a bound on what all clients together may make the receiver hold."""


class NoRoom(Exception):  # noqa: N818 - a fact about now, not about the request
    """All bodies together are as large as they may be: come again."""


class Room:
    """Bytes that may be taken and must be given back."""

    def __init__(self, size_bytes: int) -> None:
        self._free_bytes = size_bytes

    @property
    def free_bytes(self) -> int:
        """What may still be taken."""
        return self._free_bytes

    def take(self, size_bytes: int) -> None:
        """Take ``size_bytes``. Raises ``NoRoom``, and then takes nothing."""
        if size_bytes > self._free_bytes:
            raise NoRoom("too much is being received at once")
        self._free_bytes -= size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Give back what was taken."""
        self._free_bytes += size_bytes
