"""The demo's judge: it must see a single task that differs."""

from dataclasses import replace

import pytest

from examples.demo.comparison import BookReading, Letter, compare
from examples.demo.truth import COMPLETED, LOST, TaskOfOrder, Verdict

FAILED = Verdict("failed", "exception", "observed")
MAIL, MAIL_2, MAIL_3 = (TaskOfOrder(f"order-{number}", "mail") for number in (1, 2, 3))
TRUTH = {MAIL: COMPLETED, MAIL_2: FAILED, MAIL_3: LOST}
BOOK = BookReading(
    letters=[Letter("a-1", MAIL_2, FAILED), Letter("a-2", MAIL_3, LOST)],
    scheduled={"mail": 3},
    settled={("mail", COMPLETED): 1, ("mail", FAILED): 1, ("mail", LOST): 1},
    in_flight={"mail": 0},
)


def test_a_book_that_tells_the_truth_agrees() -> None:
    """No difference, and every row of the table agrees."""
    comparison = compare(TRUTH, BOOK)
    assert comparison.differences == []
    assert [(row.truly, row.in_the_book, row.agreed) for row in comparison.rows] == [
        (1, 1, True)
    ] * 3


@pytest.mark.parametrize(
    ("book", "words"),
    [
        (replace(BOOK, letters=BOOK.letters[:1]), "mail of order-3: truly dropped"),
        (replace(BOOK, letters=[*BOOK.letters, BOOK.letters[0]]), "two dead letters"),
        (
            replace(BOOK, letters=[*BOOK.letters, Letter("b-1", MAIL, FAILED)]),
            "mail of order-1: truly completed/completed",
        ),
        (
            replace(BOOK, letters=[*BOOK.letters, Letter("b-1", MAIL._replace(order=""), LOST)]),
            "mail of no order was never handed over",
        ),
        (
            # The totals are right, and two orders have changed places.
            replace(BOOK, letters=[Letter("a-1", MAIL_3, FAILED), Letter("a-2", MAIL_2, LOST)]),
            "mail of order-2: truly failed/exception",
        ),
        (
            replace(BOOK, settled={**BOOK.settled, ("mail", COMPLETED): 2}, scheduled={"mail": 4}),
            "truly 1 completed/completed (observed), counted 2",
        ),
        (replace(BOOK, scheduled={"mail": 4}), "3 handed over, 4 in the book"),
        (replace(BOOK, in_flight={"mail": 1}), "does not balance"),
    ],
    ids=["missing", "twice", "completed", "unknown", "swapped", "counted", "scheduled", "balance"],
)
def test_one_task_that_differs_is_seen(book: BookReading, words: str) -> None:
    """A letter too few, too many, of the wrong task or verdict; a counter or a sum that is off."""
    assert any(words in difference for difference in compare(TRUTH, book).differences)
