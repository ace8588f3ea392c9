"""Every promise of ``contract.Store``, kept by every store."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final

import pytest
from msgspec.structs import astuple, replace

from afterword.names import INFERRED, OBSERVED, PROVEN
from afterword_sidecar.ledger.records import Changes, DeadLetter, Notes, Saved
from afterword_sidecar.stores.contract import (
    DeadLetterQuery,
    PublishedAs,
    Retention,
    StoreError,
)
from afterword_sidecar.stores.limits import PRUNED_AT_ONCE, RETIRED_AT_MOST
from afterword_sidecar.stores.memory import MemoryStore
from worlds.bookkeeping import (
    FOREIGN,
    OTHER,
    SHOP,
    TILL,
    Book,
    history,
    key_of,
    letter,
    opening,
    picture,
    rich_opening,
    row,
    stream,
    total,
)

UNLIMITED = Retention(age_seconds=1e12, count=10**9, payload_bytes=10**12)


def ids(book: Book, **query: Any) -> list[int]:
    """The sequences of the letters on a page."""
    page = book.store.dead_letters(DeadLetterQuery(**query))
    return [each.settled.opening.sequence for each in page.letters]


def payload_of(book: Book, sequence: int) -> str | None:
    found = book.store.dead_letter(f"{SHOP.stream.hex()}-{sequence}")
    assert found is not None
    return found[1]


def test_a_new_book_is_empty_and_keeps_its_id(book: Book) -> None:
    """A book has 32 hex characters of its own from the first moment, for ever."""
    before = book.store.book_id
    assert len(bytes.fromhex(before)) == 16
    assert book.store.load() == Saved()
    assert book.reopen().book_id == before != MemoryStore().book_id


def test_every_field_comes_back(book: Book) -> None:
    """What is stored is what was told: every field of every record, any text."""
    dead = letter(9, of=rich_opening())
    changes = Changes(
        opened=[rich_opening(), opening(1, FOREIGN), opening(2, TILL, OTHER, task="true name")],
        streams=[stream(), stream(TILL, 2**53 - 1)],
        retired=[b"o" * 16, b"p" * 24],
        totals=[total(3.5), total((1.0, 2.0, 0.25), "duration", "shop", "mail")],
        dead_letters=[row(dead, '{"a": "\U0001f4ee"}')],
    )
    book.store.commit(changes)
    saved = book.reopen().load()
    by_sequence = {each.sequence: each for each in saved.open_tasks}
    assert by_sequence == {each.sequence: each for each in changes.opened}
    assert sorted(saved.streams, key=lambda each: each.highest) == changes.streams
    assert saved.retired == changes.retired
    assert {each.metric: each for each in saved.totals} == {
        each.metric: each for each in changes.totals
    }
    assert book.store.dead_letter(dead.settled.id) == (dead, '{"a": "\U0001f4ee"}')


def test_shared_values_are_one_object_after_a_load(book: Book) -> None:
    """Series compare by identity, and a million tasks hold no million names."""
    book.store.commit(Changes(opened=[opening(1), opening(2)], dead_letters=[row(letter(7))]))
    book.store.commit(Changes(opened=[opening(3)]))
    saved = book.reopen().load()
    assert len({id(each.series) for each in saved.open_tasks}) == 1
    assert len({id(each.source) for each in saved.open_tasks}) == 1
    assert len({id(each.task) for each in saved.open_tasks}) == 1


def test_openings_are_replaced_and_closed(book: Book) -> None:
    """The later version of a task counts; a closed one is gone; closing a stranger is nothing."""
    first, second, third = opening(1), opening(2), opening(3)
    book.store.commit(Changes(opened=[first, second, third]))
    newer = opening(2, notes=Notes(awaiting="sleep"))
    book.store.commit(Changes(opened=[newer], closed=[key_of(first), (b"x" * 16, 5)]))
    assert {each.sequence: each for each in book.reopen().load().open_tasks} == {2: newer, 3: third}
    both = opening(4)
    book.store.commit(Changes(opened=[both, newer, newer], closed=[key_of(both), key_of(third)]))
    assert book.reopen().load().open_tasks == [newer]


def test_a_payload_goes_with_a_completed_task(book: Book) -> None:
    """Completed: erased, so that even a letter of the same key finds none."""
    book.store.commit(Changes(opened=[opening(1)], payloads={key_of(opening(1)): "secret"}))
    book.reopen().load()
    book.store.commit(Changes(closed=[key_of(opening(1))]))
    book.store.commit(Changes(dead_letters=[row(letter(1))]))
    assert payload_of(book, 1) is None


def test_a_payload_becomes_the_dead_letters(book: Book) -> None:
    """It is the letter's from the commit that closes its task, whatever versions came between."""
    key = key_of(opening(1))
    book.store.commit(Changes(opened=[opening(1)], payloads={key: "kept"}))
    book.store.commit(Changes(opened=[opening(1, notes=Notes(awaiting="sleep"))]))
    book.reopen().load()
    book.store.commit(Changes(closed=[key], dead_letters=[row(letter(1))]))
    assert payload_of(book, 1) == "kept"
    book.store.commit(Changes(dead_letters=[row(letter(1, outcome="failed", reason="exception"))]))
    assert payload_of(book, 1) == "kept"
    book.store.commit(Changes(dead_letters=[row(letter(1), "better")]))
    assert payload_of(book, 1) == "better"


def test_a_letter_may_bring_its_payload(book: Book) -> None:
    """Opened and lost within one commit: the payload is in the row, or among the payloads."""
    book.store.commit(
        Changes(
            dead_letters=[row(letter(1), "in the row"), row(letter(2)), row(letter(3))],
            payloads={key_of(opening(2)): "beside"},
        )
    )
    book.reopen()
    assert [payload_of(book, each) for each in (1, 2, 3)] == ["in the row", "beside", None]


def test_streams_are_replaced_and_retired(book: Book) -> None:
    """A stream is stored whole; of a retired one only its id is left."""
    book.store.commit(Changes(streams=[stream(SHOP, 4), stream(TILL, 5)]))
    book.store.commit(Changes(streams=[stream(SHOP, 6)], retired=[TILL.stream]))
    saved = book.reopen().load()
    assert saved.streams == [stream(SHOP, 6)]
    assert saved.retired == [TILL.stream]


def test_retired_streams_are_bounded(book: Book) -> None:
    """Memory for the retired has an end: the oldest are forgotten."""
    streams = [number.to_bytes(16) for number in range(RETIRED_AT_MOST + 2)]
    book.store.commit(Changes(retired=streams[:-1]))
    book.store.commit(Changes(retired=[*streams[-1:], *streams[-2:]]))
    assert book.reopen().load().retired == streams[2:]


def test_totals_are_replaced(book: Book) -> None:
    """A total is its newest value, per metric and labels."""
    book.store.commit(Changes(totals=[total(1.0), total(7.0, "settled", "other")]))
    book.store.commit(Changes(totals=[total(2.0)]))
    assert sorted(each.value for each in book.reopen().load().totals) == [2.0, 7.0]


def test_a_mark_is_kept_until_the_next(book: Book) -> None:
    """How far a journal has come stands beside the book, with the commit that brought it."""
    book.store.commit(Changes(totals=[total(1.0)], mark=b"7:a"))
    book.store.commit(Changes(totals=[total(2.0)]))
    assert book.reopen().load().mark == b"7:a"
    book.store.commit(Changes(totals=[total(3.0)], mark=b"8:b"))
    assert book.reopen().load().mark == b"8:b"


def test_what_may_be_amended_is_loaded(book: Book) -> None:
    """Open letters that no closing of the task's own decided, without stacks; all open counted."""
    letters = [
        letter(1),
        letter(2, basis=PROVEN, outcome="unknown"),
        letter(3, basis=OBSERVED),
        letter(4, closed_at=2e9),
        letter(5, source=TILL, series=OTHER, task="real"),
    ]
    book.store.commit(Changes(dead_letters=[row(each) for each in letters]))
    saved = book.reopen().load()
    assert sorted(each.opening.sequence for each in saved.amendable) == [1, 2, 5]
    assert {each.verdict.rule for each in saved.amendable} == {13}
    assert {each.exception_stacktrace for each in saved.amendable} == {""}
    assert saved.dead_letters_open == {
        ("prod/shop", "send_mail", "dropped"): 2,
        ("prod/shop", "send_mail", "unknown"): 1,
        ("till", "_other", "dropped"): 1,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [4, 3, 2, 1]),
        ({"service": "prod/shop"}, [4, 3, 1]),
        ({"service": "till"}, [2]),
        ({"task": "_other"}, [2]),
        ({"task": "true name"}, [2]),
        ({"outcome": "failed"}, [3]),
        ({"reason": "instance_lost"}, [4, 2, 1]),
        ({"state": "open"}, [3, 2, 1]),
        ({"state": "closed"}, [4]),
        ({"since": 20.0}, [4, 3, 2]),
        ({"until": 20.0}, [1]),
        ({"since": 20.0, "until": 40.0, "service": "prod/shop"}, [3]),
        ({"service": "till", "outcome": "failed"}, []),
        ({"service": "' OR 1=1 --"}, []),
    ],
)
def test_letters_are_found_by_any_condition(
    book: Book, query: dict[str, Any], found: list[int]
) -> None:
    """Every condition restricts, they combine, and a name is matched by its label too."""
    letters = [
        letter(1, at=10.0),
        letter(2, at=20.0, source=TILL, series=OTHER, task="true name"),
        letter(3, at=30.0, outcome="failed", reason="exception"),
        letter(4, at=40.0, closed_at=50.0),
    ]
    book.store.commit(Changes(dead_letters=[row(each) for each in letters]))
    assert ids(book, **query) == found


def test_pages_neither_repeat_nor_hide(book: Book) -> None:
    """Newest first, equal times told apart, also while letters come and go between the pages."""
    letters = [row(letter(number, at=1000.0 + number // 4)) for number in range(1, 31)]
    book.store.commit(Changes(dead_letters=letters))
    seen: list[int] = []
    query, taken = DeadLetterQuery(limit=7), 0
    while True:
        page = book.store.dead_letters(query)
        seen += [each.settled.opening.sequence for each in page.letters]
        taken += 1
        book.store.commit(Changes(dead_letters=[row(letter(100 + taken, at=2000.0))]))
        if not page.next_cursor:
            break
        query = DeadLetterQuery(limit=7, cursor=page.next_cursor)
    assert seen == list(range(30, 0, -1))
    assert taken == 5
    assert book.store.dead_letters(DeadLetterQuery(limit=35)).next_cursor == ""


def test_foreign_cursors_are_refused(book: Book) -> None:
    """A cursor that no page gave is a clear error, never a wrong page; a limit below 1 too."""
    book.store.commit(Changes(dead_letters=[row(letter(1)), row(letter(2))]))
    ours = book.store.dead_letters(DeadLetterQuery(limit=1)).next_cursor
    for cursor in ("x", "ü", "!!!!", "A" * 44, "A" * 5000, ours[:-1], ours[4:], ours + ours, " "):
        with pytest.raises(ValueError, match="is not one that a page of dead letters gave"):
            book.store.dead_letters(DeadLetterQuery(cursor=cursor))
    with pytest.raises(ValueError, match="limit 0"):
        book.store.dead_letters(DeadLetterQuery(limit=0))


@pytest.mark.parametrize("strange", ["", "-", "x-1", "-1", "ab", "ab-", "ab--1", "ab-²", "ab-1e3"])
def test_strange_ids_name_no_letter(book: Book, strange: str) -> None:
    """An id from anywhere is looked up or not found; it never raises."""
    assert book.store.dead_letter(strange) is None
    assert book.store.dead_letter("ab-" + "9" * 30) is None


def test_retention_by_age(book: Book) -> None:
    """What is older goes, open or closed; the open ones are reported by label."""
    letters = [
        letter(1, at=10.0),
        letter(2, at=20.0, closed_at=21.0),
        letter(3, at=29.0, outcome="failed"),
        letter(4, at=30.0),
    ]
    book.store.commit(Changes(dead_letters=[row(each, "payload") for each in letters]))
    pruned = book.store.prune(Retention(age_seconds=70, count=99, payload_bytes=999), now=100.0)
    assert sorted(sequence for _, sequence in pruned.keys) == [1, 2, 3]
    assert pruned.by_labels == {
        ("prod/shop", "send_mail", "dropped"): 1,
        ("prod/shop", "send_mail", "failed"): 1,
    }
    assert ids(book) == [4]
    book.reopen()
    book.store.commit(Changes(dead_letters=[row(letter(1))]))
    assert payload_of(book, 1) is None


def test_retention_by_count(book: Book) -> None:
    """The closed go first, then the oldest."""
    letters = [letter(1, at=1.0), letter(2, at=2.0), letter(3, at=3.0, closed_at=4.0)]
    book.store.commit(Changes(dead_letters=[row(each) for each in letters]))
    assert book.store.prune(replace(UNLIMITED, count=3), 9.0).keys == []
    assert book.store.prune(replace(UNLIMITED, count=2), 9.0).keys == [(SHOP.stream, 3)]
    assert book.store.prune(replace(UNLIMITED, count=1), 9.0).keys == [(SHOP.stream, 1)]


def test_retention_by_bytes(book: Book) -> None:
    """Payloads go with their letters, in bytes and not in characters; bare letters stay."""
    letters = [
        row(letter(1, at=1.0)),
        row(letter(2, at=2.0), "ü" * 50),
        row(letter(3, at=3.0), "x" * 100),
        row(letter(4, at=4.0, closed_at=5.0), "x" * 10),
    ]
    book.store.commit(Changes(dead_letters=letters))
    book.store.commit(Changes(dead_letters=[row(letter(2, at=2.0))]))
    book.reopen()
    assert book.store.prune(replace(UNLIMITED, payload_bytes=210), 9.0).keys == []
    assert book.store.prune(replace(UNLIMITED, payload_bytes=209), 9.0).keys == [(SHOP.stream, 4)]
    assert book.store.prune(replace(UNLIMITED, payload_bytes=150), 9.0).keys == [(SHOP.stream, 2)]
    assert ids(book) == [3, 1]


def test_retention_takes_a_bounded_share_at_once(book: Book) -> None:
    """A large excess goes in several calls, so that none holds up the evidence."""
    letters = [row(letter(number, at=float(number))) for number in range(1, PRUNED_AT_ONCE + 12)]
    book.store.commit(Changes(dead_letters=letters))
    for expected in (PRUNED_AT_ONCE, 1, 0):
        pruned = book.store.prune(Retention(age_seconds=1e6, count=10, payload_bytes=0), 0.0)
        assert len(pruned.keys) == sum(pruned.by_labels.values()) == expected
    assert book.store.prune(UNLIMITED, 0.0).keys == []


def test_a_closed_book_says_so(book: Book) -> None:
    """After ``close``, which may be called again, every call is a ``StoreError``."""
    book.store.close()
    book.store.close()
    for call in (
        book.store.load,
        lambda: book.store.commit(Changes(opened=[opening(1)])),
        lambda: book.store.dead_letters(DeadLetterQuery()),
        lambda: book.store.dead_letter("ab-1"),
        lambda: book.store.prune(UNLIMITED, 0.0),
    ):
        with pytest.raises(StoreError, match="closed"):
            call()


def test_what_is_passed_in_and_out_is_the_callers(book: Book) -> None:
    """A commit changes nothing of its argument; what is loaded can be emptied without harm."""
    (changes,) = history(seed=3, commits=1)
    before = deepcopy(changes)
    book.store.commit(changes)
    assert changes == before
    kept = picture(book.store)
    saved = book.store.load()
    changes.opened.clear()
    saved.open_tasks.clear()
    saved.dead_letters_open.clear()
    assert picture(book.store) == kept


def test_a_long_history_is_kept_across_reopenings(book: Book) -> None:
    """120 commits of everything at once: after each the book equals a plain one in memory."""
    model = MemoryStore()
    for number, changes in enumerate(history(seed=11, commits=120)):
        model.commit(changes)
        book.store.commit(changes)
        if number % 7 == 0:
            book.reopen()
            assert picture(book.store) == picture(model)
    book.reopen()
    assert picture(book.store) == picture(model)


BOTH: Final[Sequence[PublishedAs]] = ("logs", "traces")


def unpublished(book: Book) -> list[tuple[int, str, bool]]:
    """(sequence, basis, span sent) of what is to be published."""
    found, count = book.store.unpublished(100, "traces")
    assert count == len(found)
    return [
        (each.settled.opening.sequence, each.settled.verdict.basis, each.span_sent)
        for each in found
    ]


def test_a_letter_is_to_be_published_until_that_is_confirmed(book: Book) -> None:
    """Noted with the commit, there after a reopening, longest waiting first, gone once told."""
    letters = [letter(9, of=opening(sequence)) for sequence in (1, 2, 3)]
    book.store.commit(Changes(dead_letters=[row(each) for each in letters]))
    reopened = book.reopen()
    reopened.load()
    assert [sequence for sequence, *_ in unpublished(book)] == [1, 2, 3]
    found, count = reopened.unpublished(2, "logs")
    assert (count, [each.settled for each in found]) == (3, [each.settled for each in letters[:2]])
    reopened.published([each.number for each in found], BOTH, [found[0].settled.key])
    assert [sequence for sequence, *_ in unpublished(book)] == [3]


def test_events_and_spans_wait_each_for_itself(book: Book) -> None:
    """What one signal has told still waits for the other, and is gone once both have."""
    book.store.commit(Changes(dead_letters=[row(letter(9, of=opening(each))) for each in (1, 2)]))
    (first, second), _ = book.store.unpublished(10, "logs")
    book.store.published([first.number, second.number], ["logs"])
    store = book.reopen()
    store.load()
    assert store.unpublished(10, "logs") == ([], 2)
    assert store.unpublished(10, "traces")[0] == [first, second]
    store.published([first.number], ["traces"], [first.settled.key])
    assert store.unpublished(10, "traces") == ([second], 1)
    book.store.commit(Changes(dead_letters=[row(letter(9, of=opening(2)))]))
    (again,), _ = book.store.unpublished(10, "logs")
    assert (again.settled.opening.sequence, again.number > second.number) == (2, True)


def test_what_changes_while_it_is_on_its_way_is_published_again(book: Book) -> None:
    """Confirming a version leaves a later one; that its span was sent is remembered with it."""
    first = letter(9, of=opening(1), basis=INFERRED)
    book.store.commit(Changes(dead_letters=[row(first)]))
    (sent,), _ = book.store.unpublished(10, "logs")
    later = replace(
        first, settled=replace(first.settled, verdict=replace(first.settled.verdict, basis=PROVEN))
    )
    book.store.commit(Changes(dead_letters=[row(later)]))
    book.store.published([sent.number], BOTH, [sent.settled.key])
    assert unpublished(book) == [(1, PROVEN, True)]


def test_a_letter_that_retention_took_is_not_published(book: Book) -> None:
    """Nothing waits for ever: what is to be published is bounded by what is kept."""
    book.store.commit(Changes(dead_letters=[row(letter(9, of=opening(1)))]))
    book.store.prune(replace(UNLIMITED, count=0), 2e9)
    assert unpublished(book) == []


def test_a_store_that_is_not_told_to_notes_nothing() -> None:
    """Where nothing is published, nothing is kept for it."""
    store = MemoryStore()
    store.commit(Changes(dead_letters=[row(letter(9, of=opening(1)))]))
    assert store.unpublished(10, "logs") == ([], 0)


def test_losses_are_counted_by_kind_and_slot_under_any_filter(book: Book) -> None:
    """Stretch by stretch, whatever their length, the counts add up to what the list shows."""
    letters = [
        letter(1, at=3600.0),
        letter(2, at=3600.5, closed_at=9e9),
        replace_settled(letter(3, at=7201.0, outcome="failed", reason="exception"), "ValueError"),
        replace_settled(letter(4, at=7202.0, outcome="failed", reason="exception"), "ValueError"),
        letter(5, at=7203.0, of=opening(5, TILL, OTHER, task="true name")),
    ]
    book.store.commit(Changes(dead_letters=[row(each) for each in letters]))
    mail = ("", "prod/shop", "send_mail", "dropped", "instance_lost", 1)
    raised = ("ValueError", "prod/shop", "send_mail", "failed", "exception", 2)
    named = ("", "till", "true name", "dropped", "instance_lost", 2)
    expected: list[tuple[dict[str, Any], dict[tuple[object, ...], int]]] = [
        ({}, {mail: 2, raised: 2, named: 1}),
        ({"error": "ValueError"}, {raised: 2}),
        ({"task": "_other"}, {named: 1}),
        ({"state": "open", "reason": "instance_lost"}, {mail: 1, named: 1}),
        ({"since": 3600.5, "until": 7202.0}, {mail: 1, raised: 1}),
        ({"service": "nobody's"}, {}),
    ]
    for conditions, counts in expected:
        for length in (1, 2, 5, 6):
            assert tallied(book, length, **conditions) == counts, (conditions, length)
        assert sum(counts.values()) == len(ids(book, **conditions))
    with pytest.raises(ValueError, match="cursor"):
        book.store.tally(DeadLetterQuery(cursor="foreign"), 3600)


def tallied(book: Book, length: int, **conditions: Any) -> dict[tuple[object, ...], int]:
    counts: dict[tuple[object, ...], int] = {}
    query = DeadLetterQuery(limit=length, **conditions)
    while True:
        tally = book.store.tally(query, 3600)
        assert tally.examined <= length
        for kind in tally.counts:
            *key, count = astuple(kind)
            counts[tuple(key)] = counts.get(tuple(key), 0) + count
        if not tally.next_cursor:
            return counts
        query = replace(query, cursor=tally.next_cursor)


def replace_settled(found: DeadLetter, error_type: str) -> DeadLetter:
    return replace(found, settled=replace(found.settled, error_type=error_type))
