"""What the segments of a stream stand on: a directory that can be trusted, and the held lock."""

from typing import Final

from afterword.delivery import directory as directories
from afterword.delivery.lock import StreamLock
from afterword.delivery.losses import Losses


class Footing:
    """Directory and lock of one stream, made when first needed and again should they vanish.

    Not thread-safe: ``Segments`` calls it with its own lock held.
    """

    def __init__(self, directory: str, stream_hex: str, directory_mode: int) -> None:
        self.directory: Final = directory
        self.stream_hex: Final = stream_hex
        self._directory_mode: Final = directory_mode
        self._lock: StreamLock | None = None
        self._losses = Losses()
        self._held = Losses()

    def prepare(self) -> int:
        """Make what is missing; the permissions for new files.

        Raises ``SpoolError`` for a directory that cannot be trusted, ``OSError`` for one that
        cannot be made or written.
        """
        directories.prepare(self.directory, self._directory_mode)
        mode = directories.file_mode(self.directory)
        if not self.stands():
            lost, self._lock = self._lock, None
            if lost:
                lost.close()
            self._lock = StreamLock.acquire(self.directory, self.stream_hex, mode)
            self._tell_losses()
        return mode

    def stands(self) -> bool:
        """Whether the lock is held under the name the sidecar looks for."""
        return self._lock is not None and self._lock.stands()

    @property
    def is_lost(self) -> bool:
        """Whether there was a lock, and it is not held any more under that name."""
        return self._lock is not None and not self._lock.stands()

    def there_is_room(self) -> None:
        """Something was written: there may be room for the lock's own line now, if it had none."""
        if self._lock and not self._lock.has_room:
            self._lock.tell(self._losses.and_those(self._held))

    def note_lost(self, line: bytes) -> None:
        """This line could not be written: the lock file says so, if there is one."""
        self._losses = self._losses.after(line)
        self._tell_losses()

    def note_held(self, line: bytes) -> None:
        """This line waits in memory: it is lost if the process dies before it is written."""
        self._held = self._held.after(line)
        self._tell_losses()

    def none_held(self) -> None:
        """Every line that waited has been written."""
        self._held = Losses()
        if self._lock:
            self._lock.tell(self._losses)

    def _tell_losses(self) -> None:
        losses = self._losses.and_those(self._held)
        if self._lock and losses.highest:
            self._lock.tell(losses)

    def close(self) -> None:
        """Close the lock. It falls if this process holds it; a forked child drops nothing."""
        if self._lock:
            self._lock.close()
