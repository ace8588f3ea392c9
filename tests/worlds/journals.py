"""A desk whose book has a journal beside it, and what can be done to a journal from outside."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from afterword_sidecar.cli.verify import kept_streams
from afterword_sidecar.journal import shapes
from afterword_sidecar.journal.beside import journaled
from afterword_sidecar.journal.chain import BEGINNING, Mark, link_of, sealed
from afterword_sidecar.journal.files import lines_of, segments_in
from afterword_sidecar.journal.recording import Sums
from afterword_sidecar.journal.store import JournaledStore
from afterword_sidecar.journal.writing import Keeping
from afterword_sidecar.stores.contract import DeadLetterQuery, Store
from afterword_sidecar.stores.memory import MemoryStore
from afterword_sidecar.verifying.findings import Report
from afterword_sidecar.verifying.kept import Kept
from afterword_sidecar.verifying.verification import Verification
from worlds.desk import Desk

FOR_EVER = Keeping(age_seconds=1e9, size_bytes=2**40)


def keep_journal(desk: Desk, keeping: Keeping = FOR_EVER) -> None:
    """Take up the desk's book with a journal in ``desk.directory``; after a crash, if it was."""
    assert desk.directory is not None
    if isinstance(desk.store, JournaledStore):
        desk.store.let_go()
    desk.book, desk.store = journaled(
        desk.memory, desk.limits, desk.directory, keeping, lambda: desk.now
    )


class JournaledDesk(Desk):
    """A desk over a journal in ``directory``."""

    directory: Path

    def __init__(
        self,
        directory: Path,
        keeping: Keeping = FOR_EVER,
        memory: MemoryStore | None = None,
        **limits: Any,
    ) -> None:
        self.directory, self._keeping = directory, keeping
        super().__init__(memory, **limits)

    def open(self) -> None:
        """Take up the book, after a crash if it was open."""
        keep_journal(self, self._keeping)

    def verify(self, *, with_book: bool = True) -> Report:
        """The journal verified, against the book too."""
        return verify(self.directory, kept(self.memory) if with_book else None)


def verify(directory: Path, kept: Kept | None = None) -> Report:
    """What the checker finds."""
    return Verification(directory, kept).run()


def kept(store: Store) -> Kept:
    """A book as ``afterword verify --database`` reads it."""
    saved = store.load()
    letters = store.dead_letters(DeadLetterQuery(limit=10**6)).letters
    said = {letter.settled.key: letter.settled.verdict for letter in letters}
    return Kept(
        book=store.book_id,
        mark=Mark.of(saved.mark),
        totals=Sums(saved.totals).values,
        letters={
            (stream.hex(), opening): (v.outcome, v.reason, v.basis, v.rule, v.at)
            for (stream, opening), v in said.items()
        },
        streams=kept_streams(saved),
    )


def lines(directory: Path) -> list[bytes]:
    """All lines, in their order."""
    return [line.text for segment in segments_in(directory) for line in lines_of(segment)]


def records(directory: Path) -> list[shapes.Record]:
    """All records, in their order."""
    return [shapes.decode(line) for line in lines(directory)]


def write_lines(directory: Path, changed: Iterable[bytes]) -> None:
    """The journal as these lines, in one segment named by the first that can be read."""
    changed = list(changed)
    for segment in segments_in(directory):
        segment.path.unlink()
    first = next(link.number for link in map(link_of, changed) if link is not None)
    (directory / f"{first:016d}.jsonl").write_bytes(b"".join(changed))


def rewrite(
    directory: Path, change: Callable[[list[shapes.Record]], Iterable[shapes.Record]]
) -> None:
    """Change records as a forger would who has read the source: all hashes are made anew."""
    mark, chain = Mark(0, BEGINNING), []
    for record in change(records(directory)):
        line, mark = sealed(shapes.encode(record), mark)
        chain.append(line)
    write_lines(directory, chain)


def changed(record: Any, **fields: Any) -> Any:
    """``record`` with other values."""
    return msgspec.structs.replace(record, **fields)
