"""The single writer: durable before acknowledged, and never ahead of its store."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from afterword_sidecar.ledger.book import Book, Receipt
from afterword_sidecar.ledger.facts import Batch, Fact, Rollup, Scheduled, Settled, Source
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Changes, Saved
from afterword_sidecar.service import Overloaded, Pace, Service, StoreUnavailable
from afterword_sidecar.stores.contract import Retention, StoreError
from afterword_sidecar.stores.memory import MemoryStore

STREAM = bytes(range(16))
START = 1_000_000.0
SERIES = ("shop", "send_receipt", "unknown", "app")
PATIENT = Pace(stall_seconds=float("inf"), first_retry_seconds=0.001)


class TroubledStore(MemoryStore):
    """The memory store, with a disk that can be full and commits that can be held."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.full = False
        self.failed = asyncio.Event()
        self.settled = asyncio.Event()
        self.committing = asyncio.Event()
        self.may_commit = threading.Event()
        self.may_commit.set()
        self.closed = False

    def commit(self, changes: Changes) -> None:
        self.loop.call_soon_threadsafe(self.committing.set)
        if not self.may_commit.wait(timeout=20):
            raise StoreError("the test never let the commit go on")
        if self.full:
            self.loop.call_soon_threadsafe(self.failed.set)
            raise StoreError("cannot commit to the book: the disk is full: free some space")
        super().commit(changes)
        if changes.settled:
            self.loop.call_soon_threadsafe(self.settled.set)

    def close(self) -> None:
        self.closed = True
        super().close()


class Clock:
    """Unix seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def opening(sequence: int, deadline: float | None = None) -> Scheduled:
    return Scheduled(sequence=sequence, at=START, task="send_receipt", deadline=deadline)


def closing(sequence: int, opening_sequence: int, outcome: str = "completed") -> Settled:
    return Settled(
        sequence=sequence,
        opening_sequence=opening_sequence,
        at=START,
        task="send_receipt",
        outcome=outcome,
        reason="completed" if outcome == "completed" else "exception",
    )


def batch(*facts: Fact, received_at: float = START, stream: bytes = STREAM) -> Batch:
    return Batch(Source(stream, "shop"), list(facts), received_at)


@asynccontextmanager
async def running(
    store: TroubledStore,
    clock: Clock | None = None,
    pace: Pace = PATIENT,
    retention: Retention | None = None,
) -> AsyncIterator[Service]:
    clock = clock or Clock()
    limits = Limits(client_backoff_seconds=0.0, grace_seconds=0.0)
    book = Book(limits, Saved(), clock())
    service = Service(book, store, clock=clock, pace=pace, retention=retention)
    await service.start()
    try:
        yield service
    finally:
        store.may_commit.set()
        await service.stop()


async def in_flight(service: Service) -> int:
    return (await service.view()).in_flight.get(SERIES, 0)


async def recovered(service: Service) -> None:
    async with asyncio.timeout(20):
        while not service.ready:  # noqa: ASYNC110 - readiness is polled by whoever asks, as here
            await asyncio.sleep(0)


async def test_an_acknowledgement_waits_for_its_commit() -> None:
    """Nothing is acknowledged, and nothing shown, before the store has it."""
    store = TroubledStore()
    async with running(store) as service:
        store.may_commit.clear()
        submitted = asyncio.create_task(service.submit([batch(opening(1))], 100))
        await store.committing.wait()
        shown = asyncio.create_task(in_flight(service))
        assert not submitted.done()
        assert not store.load().open_tasks
        store.may_commit.set()
        assert await submitted == Receipt(accepted=1)
        assert await shown == 1
        assert [task.sequence for task in store.load().open_tasks] == [1]


async def test_a_failing_store_refuses_everyone_and_recovers_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """While commits fail all is 503 and the committed version is shown; a retry is counted once."""
    store = TroubledStore()
    async with running(store) as service:
        await service.submit([batch(opening(1))], 100)
        assert await in_flight(service) == 1
        store.full = True
        with pytest.raises(StoreUnavailable, match="disk is full"):
            await service.submit([batch(opening(2))], 100)
        assert not service.ready
        assert service.stats.store_failing_since == START
        with pytest.raises(StoreUnavailable):
            await service.submit([batch(opening(2))], 100)
        assert await in_flight(service) == 1, "the version before the failure"
        store.full = False
        await recovered(service)
        assert (await service.submit([batch(opening(2))], 100)).duplicates == 1
        assert await in_flight(service) == 2
        assert sorted(task.sequence for task in store.load().open_tasks) == [1, 2]
    (told,) = (each for each in caplog.records if "a commit failed" in each.message)
    assert "disk is full" in told.message
    assert told.exc_info is None, "a sentence: it is no bug"


async def test_a_full_queue_refuses_and_forgets_nothing() -> None:
    """Beyond its bounds the queue says when to come again; what is in it is booked."""
    store = TroubledStore()
    pace = Pace(queue_bytes=1000, overload_retry_seconds=7.0)
    async with running(store, pace=pace) as service:
        store.may_commit.clear()
        first = asyncio.create_task(service.submit([batch(opening(1))], 10))
        await store.committing.wait()
        waiting = [asyncio.create_task(service.submit([batch(opening(n))], 400)) for n in (2, 3)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            await service.submit([batch(opening(4))], 400)
        assert refused.value.retry_after_seconds == 7.0
        store.may_commit.set()
        await asyncio.gather(first, *waiting)
        assert await in_flight(service) == 3
        assert service.stats.refused == {"overloaded": 1}


async def test_a_client_that_goes_away_is_booked_all_the_same() -> None:
    """A cancelled caller harms neither its own evidence nor the writer."""
    store = TroubledStore()
    async with running(store) as service:
        store.may_commit.clear()
        gone = asyncio.create_task(service.submit([batch(opening(1))], 100))
        await store.committing.wait()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        store.may_commit.set()
        assert (await service.submit([batch(opening(1))], 100)).duplicates == 1
        assert await in_flight(service) == 1


async def test_time_does_not_overtake_evidence_that_is_here() -> None:
    """A closing being decoded when the deadline passes is judged as having come before it."""
    store, clock = TroubledStore(), Clock()
    async with running(store, clock) as service:
        await service.submit([batch(opening(1, deadline=START + 10))], 100)
        with service.arrived(START + 9):
            clock.now = START + 60
            await service.submit([batch(opening(2), received_at=clock.now)], 100)
            assert await in_flight(service) == 2, "time stands still at the arrival"
            late = batch(closing(3, 1), received_at=START + 9)
        await service.submit([late], 100)
        assert [task.verdict.outcome for task in service.recently_settled] == ["completed"]


async def test_a_deadline_needs_nobody_to_speak() -> None:
    """The timer pronounces by itself, and a stream's end does so at once."""
    store, clock = TroubledStore(), Clock()
    async with running(store, clock) as service:
        await service.submit([batch(opening(1, deadline=START + 10), opening(2))], 100)
        clock.now = START + 12
        async with asyncio.timeout(20):
            await store.settled.wait()
        assert await in_flight(service) == 1
        await service.stream_ended(STREAM, alive_at=clock.now)
        reasons = {task.key[1]: task.verdict.reason for task in service.recently_settled}
        assert reasons == {1: "platform_deadline", 2: "instance_lost"}


async def test_time_waits_after_a_short_stall() -> None:
    """What came while the sidecar stood still for moments is read before anybody is overdue."""
    store, clock = TroubledStore(), Clock()
    async with running(store, clock, pace=Pace(stall_seconds=5.0)) as service:
        await service.submit([batch(opening(1, deadline=START + 1))], 100)
        clock.now = START + 4
        await service.submit([batch(opening(2), received_at=clock.now)], 100)
        assert await in_flight(service) == 2, "its closing may lie in a socket"
        await service.submit([batch(closing(3, 1), received_at=clock.now)], 100)
        assert service.stats.stalls == 0
    outcomes = {task.verdict.outcome for task in service.recently_settled}
    assert outcomes == {"completed"}


async def test_time_goes_on_after_a_short_stall() -> None:
    """It waits for as long as the stall was, and no longer."""
    store, clock = TroubledStore(), Clock()
    async with running(store, clock, pace=Pace(stall_seconds=5.0)) as service:
        await service.submit([batch(opening(1, deadline=START + 1))], 100)
        clock.now = START + 4
        await service.submit([batch(opening(2), received_at=clock.now)], 100)
        for _ in range(5):
            clock.now += 1
            await service.submit([batch(opening(2), received_at=clock.now)], 100)
        await store.settled.wait()
    assert {task.verdict.reason for task in service.recently_settled} == {"platform_deadline"}


async def test_a_sidecar_that_stood_still_blames_nobody() -> None:
    """After a stall deadlines are put off by it: the closings may be waiting at the clients."""
    store, clock = TroubledStore(), Clock()
    async with running(store, clock, pace=Pace(stall_seconds=5.0)) as service:
        await service.submit([batch(opening(1, deadline=START + 10))], 100)
        clock.now = START + 100
        await service.submit([batch(opening(2), received_at=clock.now)], 100)
        assert service.stats.stalls == 1
        assert await in_flight(service) == 2
        await service.submit([batch(closing(3, 1), received_at=clock.now)], 100)
        assert service.recently_settled[-1].verdict.outcome == "completed"


async def test_a_large_submission_lets_small_ones_by() -> None:
    """Who brings 100,000 facts takes turns with who brings one."""
    store = TroubledStore()
    async with running(store) as service:
        facts = [opening(n) for n in range(1, 100_001)]
        large = asyncio.create_task(service.submit([batch(*facts)], 10_000_000))
        small = asyncio.create_task(service.submit([batch(opening(1), stream=bytes(16))], 100))
        await small
        assert not large.done()
        assert (await large).accepted == 100_000
        assert await in_flight(service) == 100_001


async def test_what_the_book_cannot_take_costs_only_its_sender(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug met by one submission is told to it, logged and counted; others are acknowledged."""
    real_apply = Book.apply

    def apply(book: Book, told: Batch, now: float) -> Receipt:
        if told.source.stream != STREAM:
            raise ZeroDivisionError("a bug")
        return real_apply(book, told, now)

    monkeypatch.setattr(Book, "apply", apply)
    async with running(TroubledStore()) as service:
        poison = asyncio.create_task(service.submit([batch(opening(1), stream=bytes(16))], 100))
        assert (await service.submit([batch(opening(1))], 100)).accepted == 1
        with pytest.raises(ZeroDivisionError):
            await poison
        assert service.stats.internal_errors == 1
        assert "could not take" in caplog.text


async def test_retention_is_told_to_the_book() -> None:
    """Letters the store prunes are open no longer in what is shown."""
    store, clock = TroubledStore(), Clock()
    retention = Retention(age_seconds=1e9, count=1, payload_bytes=10**9)
    pace = Pace(stall_seconds=float("inf"), prune_interval_seconds=60.0)
    async with running(store, clock, pace, retention) as service:
        lost = [closing(n, n - 1, "failed") for n in (2, 4, 6)]
        opened = [opening(n) for n in (1, 3, 5)]
        await service.submit([batch(*opened, *lost)], 100)
        assert sum((await service.view()).dead_letters_open.values()) == 3
        clock.now += 61
        await service.submit([batch(opening(7))], 100)
        await service.submit([batch(opening(8))], 100)
        assert sum((await service.view()).dead_letters_open.values()) == 1


async def test_stop_commits_what_waits_and_closes_the_store() -> None:
    """A graceful stop loses nothing that was in the queue, and refuses what comes after."""
    store = TroubledStore()
    async with running(store) as service:
        store.may_commit.clear()
        submitted = [
            asyncio.create_task(service.submit([batch(opening(n))], 100)) for n in (1, 2, 3)
        ]
        await store.committing.wait()
        stopped = asyncio.create_task(service.stop())
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="stopping"):
            await service.submit([batch(opening(4))], 100)
        store.may_commit.set()
        assert sum(receipt.accepted for receipt in await asyncio.gather(*submitted)) == 3
        await stopped
        assert store.closed


async def test_stop_gives_up_on_a_store_that_stays_broken() -> None:
    """A stop ends in bounded time; what is not durable was not acknowledged."""
    store = TroubledStore()
    async with running(store, pace=Pace(stop_seconds=0.0, first_retry_seconds=0.001)) as service:
        store.full = True
        with pytest.raises(StoreUnavailable):
            await service.submit([batch(opening(1))], 100)
        await service.stop()
        assert store.closed


async def test_a_request_of_billions_costs_the_book_nothing() -> None:
    """Rollups of 4,400,000,000 tasks in one small submission: counted, shown, acknowledged."""
    most = 10_000_000
    rollups = [
        Rollup(
            sequence=number * (most + 1) + most + 1,
            at=START,
            task="send_receipt",
            platform="unknown",
            origin="app",
            outcome="completed",
            reason="completed",
            count=most,
            ranges=((number * (most + 1) + 1, number * (most + 1) + most),),
        )
        for number in range(440)
    ]
    async with running(TroubledStore()) as service:
        async with asyncio.timeout(20):
            receipt = await service.submit([batch(*rollups)], 199_000)
        (*_, slot) = service.history.book(1, START)
        assert receipt.accepted == 440
        assert slot.counts["completed"] == 440 * most


async def test_one_who_watches_and_fails_costs_the_book_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever submitted is answered, the other watchers are told, the log has it once."""
    told: list[Changes] = []

    def fail(_: Changes) -> None:
        raise RuntimeError("a bug in a chart")

    async with running(TroubledStore()) as service:
        service.watch(fail)
        service.watch(told.append)
        async with asyncio.timeout(20):
            for sequence in (1, 2, 3):
                assert (await service.submit([batch(opening(sequence))], 1)).accepted == 1
        assert len(told) == service.stats.internal_errors == 3
        assert len(caplog.records) == 1
