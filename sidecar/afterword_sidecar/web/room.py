"""Memory for bodies: a bound on what all clients together may make the receiver hold."""

from typing import Self


class NoRoom(Exception):  # noqa: N818 - a fact about now, not about the request
    """All bodies together are as large as they may be: come again."""


class Room:
    """Bytes that may be taken and must be given back."""

    def __init__(self, size_bytes: int) -> None:
        self.free_bytes = size_bytes

    def share(self) -> "Share":
        """A share for one body, empty at first."""
        return Share(self)


class Share:
    """What one body has taken of the room. A context: what was taken is given back at its end."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.size_bytes = 0

    def take(self, size_bytes: int) -> None:
        """Take ``size_bytes`` more. Raises ``NoRoom``, and then takes nothing."""
        if size_bytes > self._room.free_bytes:
            raise NoRoom("too much is being received at once")
        self._room.free_bytes -= size_bytes
        self.size_bytes += size_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._room.free_bytes += self.size_bytes
        self.size_bytes = 0
