"""Which book evidence goes to, and when it changes."""

from afterword.delivery.book import ADOPT_AFTER_SECONDS, Books, after_answer


def test_the_first_book_is_remembered() -> None:
    """Whatever the first answer is, the book it names is echoed from then on."""
    assert after_answer(Books(), 503, "a", 1.0) == Books("a")
    assert after_answer(Books(), 200, "", 1.0) == Books()


def test_another_book_is_adopted_after_a_minute_alone() -> None:
    """A wrong replica must not win by one answer, and a new sidecar must win in the end."""
    books = after_answer(Books("a"), 503, "b", 100.0)
    assert books == Books("a", "b", 100.0)
    assert after_answer(books, 503, "b", 99.9 + ADOPT_AFTER_SECONDS) == books
    assert after_answer(books, 503, "b", 100.0 + ADOPT_AFTER_SECONDS) == Books("b")


def test_any_other_voice_starts_the_minute_anew() -> None:
    """The known book, or a third, shows that the other one is not alone."""
    books = after_answer(Books("a"), 503, "b", 100.0)
    assert after_answer(books, 503, "a", 130.0) == Books("a")
    assert after_answer(books, 503, "c", 130.0) == Books("a", "c", 130.0)
    assert after_answer(books, 502, "", 130.0) == books


def test_a_book_that_took_the_data_is_the_book() -> None:
    """Evidence accepted elsewhere is there: the next batch belongs beside it."""
    assert after_answer(Books("a"), 200, "b", 1.0) == Books("b")
