"""A large book is no burden to the garbage collector."""

import gc

import pytest

from afterword_sidecar.cli.collector import unburdened_collector
from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.facts import Batch, Source
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.stores.memory import MemoryStore
from worlds.desk import START, opening

STREAMS = 2_000


def test_what_a_book_is_restored_to_is_never_gone_through() -> None:
    """No collection is run meanwhile, and none looks at it later; what is forgotten is freed."""
    store = MemoryStore()
    book = Book(Limits(), store.load(), START)
    for number in range(STREAMS):
        book.apply(Batch(Source(number.to_bytes(16, "big"), "shop"), [opening()], START), START)
    store.commit(book.drain())
    collections: list[str] = []
    gc.callbacks.append(lambda phase, _: collections.append(phase))
    try:
        with unburdened_collector():
            restored = Book(Limits(), store.load(), START)
        assert collections == []
        assert gc.isenabled()
        assert len(restored.stream_ids()) == STREAMS
        assert gc.get_freeze_count() > STREAMS
        looked_at = {id(each) for each in gc.get_objects()}
        assert not any(id(stream) in looked_at for stream in restored._registry.streams.values())
        frozen = gc.get_freeze_count()
        while (due := restored.next_due()) is not None:
            restored.advance(due)
            restored.drain()
        assert restored.stream_ids() == []
        assert gc.get_freeze_count() < frozen - STREAMS
    finally:
        gc.callbacks.pop()
        gc.unfreeze()


def test_a_book_that_cannot_be_opened_leaves_the_collector_at_work() -> None:
    """Whatever happens within."""
    frozen = gc.get_freeze_count()
    with pytest.raises(OSError, match="no book"), unburdened_collector():
        raise OSError("no book")
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen
