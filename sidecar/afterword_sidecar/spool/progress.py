"""Says how it goes while there is much to read: after a start, when a thousand dead are found."""

import logging

_LOG = logging.getLogger("afterword_sidecar.spool")
_WORTH_TELLING_BYTES = 8 << 20
_WORTH_TELLING_STREAMS = 200
_EVERY_SECONDS = 5.0


class Progress:
    """Tells of a backlog when it is found, every five seconds, and when it is done."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._told_at: float | None = None

    def note(self, now: float, *, unread_bytes: int, dead: int) -> None:
        """How much is left: bytes, and streams of dead processes. ``now``: Unix seconds."""
        if self._told_at is None:
            if unread_bytes >= _WORTH_TELLING_BYTES or dead >= _WORTH_TELLING_STREAMS:
                self._tell(
                    now,
                    "reading spool directory %s: %d bytes, %d ended processes to go",
                    self._path,
                    unread_bytes,
                    dead,
                )
        elif not unread_bytes and not dead:
            self._told_at = None
            _LOG.info("spool directory %s is read up to now", self._path)
        elif not 0 <= now - self._told_at < _EVERY_SECONDS:
            self._tell(
                now,
                "spool directory %s: %d bytes, %d ended processes to go",
                self._path,
                unread_bytes,
                dead,
            )

    def _tell(self, now: float, message: str, *arguments: object) -> None:
        self._told_at = now
        _LOG.info(message, *arguments)
