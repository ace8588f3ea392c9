"""The two stores, each with a way to come back to its book."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from afterword_sidecar.stores.sqlite import SqliteStore
from worlds.bookkeeping import Book, BookInFile, BookInMemory


@pytest.fixture(params=["memory", "sqlite"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Book]:
    make: dict[str, Callable[[], Book]] = {
        "memory": BookInMemory,
        "sqlite": lambda: BookInFile(tmp_path / "book.db"),
    }
    made = make[request.param]()
    made.store.load()
    yield made
    made.store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.db"


@pytest.fixture
def sqlite(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    store.load()
    yield store
    store.close()
