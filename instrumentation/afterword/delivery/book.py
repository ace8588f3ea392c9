"""Which book the sidecar keeps: two books behind one address are an error, not a quiet lie. Pure.

A sidecar names its book in every answer (``Afterword-Book``) and refuses with 503 whoever echoes
another. Most likely the request went to a wrong replica and the next goes right; but where for a
minute nobody but one other book has answered, the old one is gone and evidence goes to the new.
"""

from typing import Final, NamedTuple

ADOPT_AFTER_SECONDS: Final = 60.0
_REFUSED: Final = 503


class Books(NamedTuple):
    """What is known of the books that answered."""

    known: str = ""
    """Echoed in requests; empty before the first answer."""
    other: str = ""
    """The only one that has answered since the known one last did; empty if none."""
    other_since: float = 0.0
    """Monotonic seconds."""


def after_answer(books: Books, status: int, book: str, now: float) -> Books:
    """What is known after an answer of ``status`` that named ``book`` (may be empty).

    ``now`` is monotonic seconds. An answer that took the data settles the matter; one that refused
    it counts towards the minute.
    """
    if not book:
        return books
    if book == books.known or not books.known or status != _REFUSED:
        return Books(known=book)
    if book != books.other:
        return Books(books.known, book, now)
    if now - books.other_since >= ADOPT_AFTER_SECONDS:
        return Books(known=book)
    return books
