"""A disk that can lose power: what SQLite really did to its files, and what could be left of it.

``Recorder`` is a VFS of ``apsw`` (SQLite's own extension point) around the ordinary one: it passes
every call on and writes down each write, truncation, sync and deletion. ``Disk`` replays them and
says at any moment what a power loss might leave: all that was synced, and of the rest any subset of
512-byte sectors, so that writes are lost, torn and, in effect, reordered.

What it stands on: a sync is kept by the disk; a sector is written whole or not at all; the name of
a file that was synced is durable (SQLite syncs the directory together with a new file).
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw

SECTOR: Final = 512


class Event(NamedTuple):
    """One thing done to a file, or (``acknowledged``) said to the caller."""

    kind: str
    file: str = ""
    offset: int = 0
    data: bytes = b""


class Recorder(apsw.VFS):
    """Use with ``apsw.Connection(path, vfs=recorder.name)``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.events: list[Event] = []
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # SQLite's name
        return RecordedFile(self.events, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802, FBT001  # SQLite's name and signature
        super().xDelete(filename, syncdir)
        self.events.append(Event("delete" if syncdir else "unlink", Path(filename).name))


class RecordedFile(apsw.VFSFile):
    def __init__(
        self, events: list[Event], name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        super().__init__("", name, flags)
        given = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._file = Path(given or "temporary").name
        self._events = events

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802  # SQLite's name
        super().xWrite(data, offset)
        self._events.append(Event("write", self._file, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802  # SQLite's name
        super().xTruncate(newsize)
        self._events.append(Event("truncate", self._file, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802  # SQLite's name
        super().xSync(flags)
        self._events.append(Event("sync", self._file))


class Disk:
    """The files as far as they are durable, and what was done to them since."""

    def __init__(self) -> None:
        self._durable: dict[str, bytearray] = {}
        self._pending: dict[str, list[Event]] = {}

    def do(self, event: Event) -> None:
        """It happens."""
        if event.kind in ("write", "truncate", "unlink"):
            self._pending.setdefault(event.file, []).append(event)
        elif event.kind == "delete":
            self._durable.pop(event.file, None)
            self._pending.pop(event.file, None)
        elif event.kind == "sync":
            content = self._durable.setdefault(event.file, bytearray())
            for each in self._pending.pop(event.file, []):
                _apply(content, each)

    def without_power(self, chance: random.Random) -> dict[str, bytes]:
        """One of the states that a power loss now could leave behind."""
        kept = chance.choice((0.0, 0.5, 0.9, 1.0))
        files: dict[str, bytes] = {}
        for name in {**self._durable, **self._pending}:
            content: bytearray | None = None
            if name in self._durable or chance.random() < kept:
                content = bytearray(self._durable.get(name, b""))
            for piece in self._pieces(name):
                if chance.random() < kept and content is not None:
                    content = None if piece.kind == "unlink" else _apply(content, piece)
            if content is not None:
                files[name] = bytes(content)
        return files

    def _pieces(self, name: str) -> Iterator[Event]:
        """What was done to a file since its last sync, writes sector by sector."""
        for event in self._pending.get(name, []):
            if event.kind != "write":
                yield event
                continue
            start, end = event.offset, event.offset + len(event.data)
            while start < end:
                stop = min(end, (start // SECTOR + 1) * SECTOR)
                data = event.data[start - event.offset : stop - event.offset]
                yield Event("write", name, start, data)
                start = stop


def _apply(content: bytearray, event: Event) -> bytearray:
    if event.kind == "truncate":
        del content[event.offset :]
    if event.kind == "write":
        content.extend(bytes(max(0, event.offset - len(content))))
        content[event.offset : event.offset + len(event.data)] = event.data
    return content
