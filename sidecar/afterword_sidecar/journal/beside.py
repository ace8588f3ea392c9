"""A book and its store with a journal beside them."""

from collections.abc import Callable
from pathlib import Path

from afterword_sidecar.journal.book import JournaledBook
from afterword_sidecar.journal.store import JournaledStore
from afterword_sidecar.journal.writing import Keeping
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.stores.contract import Store


def journaled(
    store: Store, limits: Limits, directory: Path, keeping: Keeping, clock: Callable[[], float]
) -> tuple[JournaledBook, JournaledStore]:
    """The book in ``store``, and the store to commit it to. Raises ``StoreError``.

    Until it raises or returns nothing is held but the directory; ``store`` stays the caller's.
    """
    beside = JournaledStore(store, directory, keeping, clock)
    saved = beside.load()
    return JournaledBook(limits, saved, clock(), beside.groups, cut=beside.cut), beside
