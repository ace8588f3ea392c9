"""What tests of stores share: records of every kind, a book's seeded history, and its picture."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from afterword.names import INFERRED, OBSERVED, PROVEN
from afterword_sidecar.ledger.facts import Source
from afterword_sidecar.ledger.records import (
    Changes,
    Cited,
    ClockBounds,
    DeadLetter,
    DeadLetterRow,
    Early,
    Notes,
    OpenTask,
    Series,
    SettledTask,
    StreamState,
    TaskKey,
    Total,
    Verdict,
)
from afterword_sidecar.stores.contract import DeadLetterQuery, Store
from afterword_sidecar.stores.memory import MemoryStore
from afterword_sidecar.stores.sqlite import SqliteStore

S = TypeVar("S", bound=msgspec.Struct)

SHOP: Final = Source(b"s" * 16, "prod/shop", "shop-1")
TILL: Final = Source(b"t" * 16, "till", "till-1")
FOREIGN: Final = Source(b"f" * 24, "elsewhere")
MAIL: Final = Series("prod/shop", "send_mail", "starlette", "app")
OTHER: Final = Series("till", "_other", "asyncio", "app")

COMMITS: Final = "commits"
"""The total that counts a history's commits: how far a reopened book has come."""


def opening(
    sequence: int = 1, source: Source = SHOP, series: Series = MAIL, **more: Any
) -> OpenTask:
    return OpenTask(source, sequence, series, more.pop("task", series.task), 1e9 + sequence, **more)


def key_of(task: OpenTask) -> TaskKey:
    return (task.source.stream, task.sequence)


def rich_opening() -> OpenTask:
    """An open task with a telling value in every field."""
    given: dict[str, Any] = {
        "notes": telling(Notes, {}),
        "source": SHOP,
        "sequence": 2**53 - 1,
        "series": MAIL,
        "task": "send_mail \U0001f4ee \x00 é",
        "trace": bytes(range(33)),
        "has_payload": True,
    }
    return telling(OpenTask, given)


def telling(struct: type[S], given: dict[str, Any]) -> S:
    """A struct whose strings and numbers, where not given, tell of their field."""
    for number, name in enumerate(struct.__struct_fields__, 1):
        kind = struct.__annotations__[name]
        told = f"{name} ü" if kind is str else (number if kind is int else number + 0.1)
        given.setdefault(name, told)
    return struct(**given)


def letter(
    sequence: int = 1,
    *,
    at: float = 1e9,
    basis: str = INFERRED,
    outcome: str = "dropped",
    reason: str = "instance_lost",
    closed_at: float | None = None,
    of: OpenTask | None = None,
    **more: Any,
) -> DeadLetter:
    verdict = Verdict(
        outcome,
        reason,
        basis,
        13,
        at,
        (Cited("stream_ended", 7, at - 1),),
        ClockBounds(0.5, 2.0, at),
        final=False,
    )
    task = of or opening(sequence, **more)
    return DeadLetter(
        SettledTask(task, verdict, exception_message="boom", exception_stacktrace="  line 1"),
        closed_at,
    )


def row(letter: DeadLetter, payload: str | None = None) -> DeadLetterRow:
    return DeadLetterRow(letter, payload)


def stream(source: Source = SHOP, highest: int = 1) -> StreamState:
    early = Early(3, letter=letter(3).settled)
    return StreamState(
        source, highest, ((4, 5),), (early,), 1.0, 2.0, 0.25, ((2.0, 0.25),), same_clock=True
    )


def total(value: float | tuple[float, ...], metric: str = "settled", *labels: str) -> Total:
    return Total(metric, labels or ("shop", 'quo"te', "ü", "app"), value, 123.5)


def history(seed: int, commits: int) -> Iterator[Changes]:
    """The changes of a book's life, each told by ``seed``; the n-th sets ``COMMITS`` to n."""
    chance = random.Random(seed)
    sources = [SHOP, TILL, Source(b"r" * 16, "prod/shop", "gone")]
    live: dict[TaskKey, OpenTask] = {}
    letters: list[DeadLetter] = []
    for number in range(1, commits + 1):
        changes = Changes(totals=[total(float(number), COMMITS)])
        _close_some(chance, changes, live, letters, number)
        _open_some(chance, changes, live, sources, number)
        _amend_one(chance, changes, letters)
        source = chance.choice(sources)
        changes.streams = [stream(source, number)]
        if chance.random() < 0.1:
            changes.retired = [chance.randbytes(16)]
        yield changes


def _close_some(
    chance: random.Random,
    changes: Changes,
    live: dict[TaskKey, OpenTask],
    letters: list[DeadLetter],
    number: int,
) -> None:
    for key in chance.sample(list(live), k=min(len(live), chance.randrange(8))):
        task = live.pop(key)
        changes.closed.append(key)
        if chance.random() < 0.3:
            basis = chance.choice((OBSERVED, PROVEN, INFERRED))
            letters.append(letter(of=task, at=1e9 + number // 3, basis=basis))
            changes.dead_letters.append(row(letters[-1]))


def _open_some(
    chance: random.Random,
    changes: Changes,
    live: dict[TaskKey, OpenTask],
    sources: list[Source],
    number: int,
) -> None:
    fresh = [
        opening(number * 10 + each, chance.choice(sources), invocation=f"i{number}")
        for each in range(chance.randrange(9))
    ]
    fresh.append(opening(1, Source(chance.randbytes(24), "elsewhere")))
    older = chance.sample(list(live.values()), k=min(len(live), 2))
    for task in fresh:
        if chance.random() < 0.5:
            size = chance.choice((10, 500, 9_000))
            changes.payloads[key_of(task)] = f"payload of {task.sequence} " + "p" * size
    for task in [*fresh, *(replace(each, started_at=float(number)) for each in older)]:
        changes.opened.append(task)
        live[key_of(task)] = task


def _amend_one(chance: random.Random, changes: Changes, letters: list[DeadLetter]) -> None:
    now = {each.letter.settled.key for each in changes.dead_letters}
    if letters and chance.random() < 0.2:
        at = chance.randrange(len(letters))
        if letters[at].settled.key not in now:
            letters[at] = replace(letters[at], closed_at=2e9)
            changes.dead_letters.append(row(letters[at]))


class Book(Protocol):
    """A store and a way to come back to its book."""

    store: Store

    def reopen(self) -> Store: ...


class BookInMemory:
    def __init__(self) -> None:
        self.store: Store = MemoryStore(notes_unpublished=True)

    def reopen(self) -> Store:
        return self.store


class BookInFile:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.store: Store = SqliteStore(path, notes_unpublished=True)

    def reopen(self) -> Store:
        self.store.close()
        self.store = SqliteStore(self.path, notes_unpublished=True)
        return self.store


def picture(store: Store) -> dict[str, Any]:
    """All that a store says of its book, in a form that compares."""
    saved = store.load()
    letters: dict[str, Any] = {}
    query = DeadLetterQuery(limit=7)
    while True:
        page = store.dead_letters(query)
        for each in page.letters:
            letters[each.settled.id] = store.dead_letter(each.settled.id)
        if not page.next_cursor:
            break
        query = replace(query, cursor=page.next_cursor)
    return {
        "open": {key_of(each): each for each in saved.open_tasks},
        "streams": {each.source.stream: each for each in saved.streams},
        "retired": saved.retired,
        "totals": {(each.metric, each.labels): each for each in saved.totals},
        "amendable": {each.key: each for each in saved.amendable},
        "dead_letters_open": saved.dead_letters_open,
        "letters": letters,
    }


def commits_in(store: Store) -> int:
    """How many commits of a history the book holds."""
    return next((int(each.value) for each in store.load().totals if each.metric == COMMITS), 0)  # type: ignore[arg-type]  # a counter's value is a float
