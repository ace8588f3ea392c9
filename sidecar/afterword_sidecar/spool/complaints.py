"""Warnings, each kind of them once: a directory of ten thousand bad files is one line in a log."""

import logging

_LOG = logging.getLogger("afterword_sidecar.spool")


class Complaints:
    """Which kinds of trouble were told already."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def once(self, kind: str, message: str, *arguments: object) -> None:
        """Log ``message``, unless there was one of this ``kind`` before."""
        if kind not in self._told:
            self._told.add(kind)
            _LOG.warning(message + " (further ones are only counted)", *arguments)
