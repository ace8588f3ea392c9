"""HTTP delivery against a real port that answers as scripted."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from afterword import internal_errors
from afterword.delivery import retry
from afterword.delivery.connection import GZIP_FROM_BYTES, Connection
from afterword.delivery.errors import Complaints
from afterword.delivery.http import HttpDelivery
from afterword.delivery.outbox import Outbox
from afterword.delivery.sender import BATCH_LINES, Sender
from afterword.evidence import TaskKind
from afterword.task_record import KnownKind
from worlds.reporting import envelope, opening, task, tell_task
from worlds.scripted_sidecar import (
    HANG,
    LAST,
    PATIENCE_SECONDS,
    RESET,
    Reply,
    Request,
    ScriptedSidecar,
    attributes,
)

BRIEFLY = 0.2
"""A budget that is meant to run out."""


@contextmanager
def delivery_to(endpoint: str, token: str = "", **limits: Any) -> Iterator[HttpDelivery]:
    """A delivery, ended with the test. Nothing it does waits for jitter: delays are short."""
    delivery = HttpDelivery(endpoint, token, envelope(), **limits)
    try:
        yield delivery
    finally:
        delivery.close(0.0)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Every delivery that was closed ends its thread, a hanging one when its request ends."""
    yield
    for thread in threading.enumerate():
        if thread.name == "afterword-delivery":
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off at its hundredth: the policy itself is tested as the pure function it is."""
    monkeypatch.setattr(retry, "FIRST_DELAY_SECONDS", 0.005)


def test_records_arrive_without_anybody_flushing() -> None:
    """The first record starts a thread, which sends it, authorised, to the path OTLP names."""
    with ScriptedSidecar() as sidecar, delivery_to(sidecar.endpoint + "/base/", "s3") as delivery:
        delivery.send(opening(1))
        sidecar.wait_for_requests(1)
        [request] = sidecar.requests
        assert request.path == "/base/v1/logs"
        assert request.headers["Authorization"] == "Bearer s3"
        assert request.headers["Content-Type"] == "application/json"
        assert "Content-Encoding" not in request.headers
        assert request.sequences == [1]


@pytest.mark.parametrize("gzip_from_bytes", [None, 1000])
def test_a_batch_is_folded_packed_and_kept_alive(gzip_from_bytes: int | None) -> None:
    """Many tasks are one request of one record each; it is packed if that is worth it."""
    with (
        ScriptedSidecar() as sidecar,
        delivery_to(sidecar.endpoint, gzip_from_bytes=gzip_from_bytes) as delivery,
    ):
        for first in range(1, 301, 3):
            tell_task(delivery, first)
        assert delivery.flush(PATIENCE_SECONDS)
        delivery.send(opening(301))
        assert delivery.flush(PATIENCE_SECONDS)
        assert [len(request.records) for request in sidecar.requests] == [100, 1]
        packed = [request.headers.get("Content-Encoding") for request in sidecar.requests]
        assert packed == ["gzip" if gzip_from_bytes else None, None]
        assert {request.connection for request in sidecar.requests} == {1}
        assert delivery.lost == 0


@pytest.mark.parametrize(
    ("endpoint", "packed"),
    [
        ("http://127.0.0.1:4318", False),
        ("http://localhost:4318", False),
        ("http://[::1]:4318", False),
        ("https://sidecar.example", True),
    ],
)
def test_bodies_are_packed_for_other_hosts_only(endpoint: str, *, packed: bool) -> None:
    """On one host there is no network to spare, only work."""
    assert (Connection(endpoint, "")._gzip_from_bytes == GZIP_FROM_BYTES) is packed


def test_a_full_batch_does_not_wait_for_the_interval() -> None:
    """A burst leaves at once, in order, in batches of bounded size."""
    count = 2 * BATCH_LINES + 10
    with (
        ScriptedSidecar() as sidecar,
        delivery_to(sidecar.endpoint, interval_seconds=3600.0) as delivery,
    ):
        for number in range(1, count + 1):
            delivery.send(opening(number))
        sidecar.wait_for_requests(2)
        assert delivery.flush(PATIENCE_SECONDS)
        assert sidecar.sequences == list(range(1, count + 1))
        assert max(len(request.records) for request in sidecar.requests) <= BATCH_LINES


@pytest.mark.parametrize("trouble", [Reply(503), Reply(429), Reply(502), Reply(504), RESET])
def test_trouble_is_retried_until_it_is_over(trouble: Reply) -> None:
    """The same batch comes again, before anything later, and is lost in no case."""
    with ScriptedSidecar(trouble, trouble, trouble) as sidecar:
        with delivery_to(sidecar.endpoint) as delivery:
            delivery.send(opening(1))
            sidecar.wait_for_requests(1)
            delivery.send(opening(2))
            assert delivery.flush(PATIENCE_SECONDS)
            assert delivery.lost == 0
        assert sidecar.sequences == [1, 1, 1, 1, 2]


def test_a_connection_that_was_closed_meanwhile_is_no_failure() -> None:
    """A keep-alive that ran out on the other side is replaced at once, without a warning."""
    with ScriptedSidecar(LAST) as sidecar, delivery_to(sidecar.endpoint) as delivery:
        for number in (1, 2):
            delivery.send(opening(number))
            assert delivery.flush(PATIENCE_SECONDS)
        assert [request.connection for request in sidecar.requests] == [1, 2]


def test_a_sidecar_that_comes_later_gets_everything(warnings: list[str]) -> None:
    """Refused connections cost nothing but one warning; evidence waits in memory."""
    with closing(socket.create_server(("127.0.0.1", 0))) as reserved:
        port = reserved.getsockname()[1]
    with delivery_to(f"http://127.0.0.1:{port}") as delivery:
        delivery.send(opening(1))
        assert not delivery.flush(BRIEFLY)
        assert [f"127.0.0.1:{port} does not answer" in warning for warning in warnings] == [True]
        with ScriptedSidecar(port=port) as sidecar:
            assert delivery.flush(PATIENCE_SECONDS)
            assert sidecar.sequences == [1]


def test_a_sidecar_that_is_back_before_the_deadline_gets_everything(
    monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    """A process that ends tries again until its time is up, however long its back-off was."""
    monkeypatch.setattr(retry, "FIRST_DELAY_SECONDS", 3600.0)
    monkeypatch.setattr(retry, "LONGEST_DELAY_SECONDS", 3600.0)
    refused, back_off = threading.Semaphore(0), retry.back_off

    def counted(attempt: int, random: Callable[[], float]) -> float:
        refused.release()
        return back_off(attempt, random)

    monkeypatch.setattr(retry, "back_off", counted)
    with closing(socket.create_server(("127.0.0.1", 0))) as reserved:
        port = reserved.getsockname()[1]
    with delivery_to(f"http://127.0.0.1:{port}") as delivery:
        delivery.send(opening(1))
        assert refused.acquire(timeout=PATIENCE_SECONDS)
        closer = threading.Thread(target=delivery.close, args=(PATIENCE_SECONDS,))
        closer.start()
        for _ in range(3):
            assert refused.acquire(timeout=PATIENCE_SECONDS)
        with ScriptedSidecar(port=port) as sidecar:
            closer.join()
            assert sidecar.sequences == [1]
    assert ["does not answer" in warning for warning in warnings] == [True]


@pytest.mark.parametrize("trouble", [HANG, Reply(503, {"Retry-After": "3600"})])
def test_what_an_end_leaves_behind_is_told_once(trouble: Reply, warnings: list[str]) -> None:
    """Records in a request without an answer count, and so do those that wait behind it."""
    with ScriptedSidecar(*[trouble] * 3) as sidecar, delivery_to(sidecar.endpoint) as delivery:
        delivery.send(opening(1))
        sidecar.wait_for_requests(1)
        tell_task(delivery, 2)
        delivery.close(BRIEFLY)
        delivery.close(BRIEFLY)
        [warning] = warnings
        told = f"2 records of evidence were not delivered to {sidecar.endpoint} within 0.2 s"
        assert warning.startswith(f"afterword: {told}")


def test_what_is_told_while_an_end_waits_leaves_too(warnings: list[str]) -> None:
    """Daemon threads work on while their process delivers its last: their closings count."""

    class Busy(ScriptedSidecar):
        def take(self, request: Request) -> Reply:
            if len(self.requests) < 3:
                delivery.send(opening(len(self.requests) + 2))
            return super().take(request)

    with Busy() as sidecar:
        delivery = HttpDelivery(sidecar.endpoint, "", envelope())
        delivery.send(opening(1))
        delivery.close(PATIENCE_SECONDS)
        assert sidecar.sequences == [1, 2, 3, 4]
    assert warnings == []


def test_413_is_answered_by_halves() -> None:
    """What is too much together goes in pieces, in order, and nothing is lost."""
    with ScriptedSidecar(most_records=3) as sidecar, delivery_to(sidecar.endpoint) as delivery:
        for number in range(1, 11):
            delivery.send(opening(number))
        assert delivery.flush(PATIENCE_SECONDS)
        taken = [request.sequences for request in sidecar.requests if len(request.records) <= 3]
        assert [number for batch in taken for number in batch] == list(range(1, 11))
        assert delivery.lost == 0


def test_a_single_record_too_large_loses_its_payload_then_itself(warnings: list[str]) -> None:
    """The task is more important than its payload, and the others more than this one."""
    with ScriptedSidecar(Reply(413), Reply(200), Reply(413)) as sidecar:
        with delivery_to(sidecar.endpoint) as delivery:
            delivery.send(opening(1, "x" * 100))
            assert delivery.flush(PATIENCE_SECONDS)
            assert delivery.lost == 0
            delivery.send(opening(2))
            assert not delivery.flush(PATIENCE_SECONDS)
            assert delivery.lost == 1
            delivery.send(opening(3))
            assert delivery.flush(PATIENCE_SECONDS)
        assert sidecar.sequences == [1, 1, 2, 3]
        omitted = attributes(sidecar.requests[1].records[0])["deferred_task.payload_omitted"]
        assert omitted == "not sent: too large for the sidecar"
        assert len(warnings) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_refusal_loses_the_batch_and_says_so_once(status: int, warnings: list[str]) -> None:
    """Data that will never be taken is dropped and counted; what comes later is still sent."""
    refusal = Reply(status, body=b'{"message":"no such token"}')
    with ScriptedSidecar(refusal, refusal) as sidecar, delivery_to(sidecar.endpoint) as delivery:
        for number in (1, 2):
            delivery.send(opening(number))
            assert not delivery.flush(PATIENCE_SECONDS)
        delivery.send(opening(3))
        assert delivery.flush(PATIENCE_SECONDS)
        assert delivery.lost == 2
    assert len(warnings) == 1
    assert f"status {status}" in warnings[0]
    assert "no such token" in warnings[0]


def test_rejected_records_are_counted(warnings: list[str]) -> None:
    """A partial success is a success for the rest, and is not sent again."""
    partial = b'{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"stale"}}'
    with ScriptedSidecar(Reply(body=partial)) as sidecar, delivery_to(sidecar.endpoint) as delivery:
        tell_task(delivery, 1)
        assert not delivery.flush(PATIENCE_SECONDS)
        assert delivery.lost == 1
        assert len(sidecar.requests) == 1
    assert ["rejected 1 records: 'stale'" in warning for warning in warnings] == [True]


def test_a_hanging_sidecar_delays_nobody() -> None:
    """While a request hangs, ``send`` fills bounded memory, and ``flush`` takes its time only."""
    capacity = 200_000
    with (
        ScriptedSidecar(HANG) as sidecar,
        delivery_to(sidecar.endpoint, capacity_bytes=capacity) as delivery,
    ):
        delivery.send(opening(1))
        sidecar.wait_for_requests(1)
        for number in range(2, 3002, 3):
            tell_task(delivery, number, payload="x" * 1000)
        assert delivery._outbox.size_bytes <= capacity
        assert delivery.lost == 0
        began = time.monotonic()
        assert not delivery.flush(BRIEFLY)
        assert BRIEFLY <= time.monotonic() - began < PATIENCE_SECONDS


def test_a_sidecar_that_comes_late_hears_of_every_task() -> None:
    """However little the buffer holds: detail is shed meanwhile, counts are not."""
    with closing(socket.create_server(("127.0.0.1", 0))) as reserved:
        port = reserved.getsockname()[1]
    tasks = 2000
    with delivery_to(f"http://127.0.0.1:{port}", capacity_bytes=100_000) as delivery:
        for number in range(1, 3 * tasks, 3):
            tell_task(delivery, number, outcome="failed" if number % 2 else "completed")
        with ScriptedSidecar(port=port) as sidecar:
            assert delivery.flush(PATIENCE_SECONDS)
            told = [attributes(each) for request in sidecar.requests for each in request.records]
        counts: Counter[str | None] = Counter()
        for record in told:
            outcome = record.get("deferred_task.outcome")  # an opening may leave by itself
            counts[outcome] += int(record.get("deferred_task.count", outcome is not None))
        del counts[None]
        assert counts == {"completed": tasks // 2, "failed": tasks // 2}
        assert len(told) < tasks / 4
        assert delivery.lost == 0


def test_a_silent_attempt_ends_and_is_repeated() -> None:
    """A request without an answer is given up after the time for one attempt, and sent again."""
    with ScriptedSidecar(HANG) as sidecar:
        with delivery_to(sidecar.endpoint, timeout_seconds=0.05) as delivery:
            delivery.send(opening(1))
            assert delivery.flush(PATIENCE_SECONDS)
        assert sidecar.sequences == [1, 1]


def test_flush_from_a_coroutine_leaves_the_loop_free() -> None:
    """Through a thread, the loop turns while a slow sidecar is waited for."""

    async def flushed(delivery: HttpDelivery, sidecar: ScriptedSidecar) -> bool:
        flush = asyncio.create_task(asyncio.to_thread(delivery.flush, PATIENCE_SECONDS))
        turns = 0
        while not flush.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 1
        return await flush

    with ScriptedSidecar(Reply(503), RESET) as sidecar, delivery_to(sidecar.endpoint) as delivery:
        delivery.send(opening(1))
        assert asyncio.run(flushed(delivery, sidecar))


def test_flush_does_not_wait_for_back_off_but_for_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own delay is cut short by a flush; one that the sidecar named is kept."""
    monkeypatch.setattr(retry, "FIRST_DELAY_SECONDS", 3600.0)
    monkeypatch.setattr(retry, "LONGEST_DELAY_SECONDS", 3600.0)
    order = Reply(503, {"Retry-After": "3600"})
    with ScriptedSidecar(Reply(503), Reply(), order) as sidecar:
        with delivery_to(sidecar.endpoint) as delivery:
            delivery.send(opening(1))
            sidecar.wait_for_requests(1)
            assert delivery.flush(PATIENCE_SECONDS)
            delivery.send(opening(2))
            assert not delivery.flush(BRIEFLY)
            assert not delivery.flush(BRIEFLY)
        assert sidecar.sequences == [1, 1, 2]


@pytest.mark.parametrize(
    "ends",
    [
        lambda delivery: delivery.close(PATIENCE_SECONDS),
        lambda delivery: delivery.flush(PATIENCE_SECONDS, last=True),
    ],
)
def test_the_last_attempt_heeds_no_order(ends: Callable[[HttpDelivery], object]) -> None:
    """Told once to come again in an hour, a process that ends asks once more, and is heard."""
    order = Reply(503, {"Retry-After": "3600"})
    with ScriptedSidecar(order) as sidecar, delivery_to(sidecar.endpoint) as delivery:
        delivery.send(opening(1))
        assert not delivery.flush(BRIEFLY)
        ends(delivery)
        assert sidecar.sequences == [1, 1]


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def sender_to(sidecar: ScriptedSidecar, clock: Clock) -> Iterator[tuple[Sender, Outbox]]:
    """A sender without a thread, on the test's own time, its jitter at the middle."""
    outbox, connection = Outbox(1_000_000), Connection(sidecar.endpoint, "")
    with closing(connection):
        yield (
            Sender(
                outbox,
                connection,
                envelope(),
                Complaints(),
                timeout_seconds=PATIENCE_SECONDS,
                clock=clock,
                wall_clock=clock,
                random=lambda: 0.5,
            ),
            outbox,
        )


@pytest.mark.parametrize("form", [str, lambda seconds: formatdate(1_790_000_000.0 + seconds)])
def test_retry_after_is_honoured(form: Callable[[int], str]) -> None:
    """Seconds or a date: no attempt is made before, and the next one is made then."""
    clock = Clock()
    with (
        ScriptedSidecar(Reply(503, {"Retry-After": form(20)})) as sidecar,
        sender_to(sidecar, clock) as (sender, outbox),
    ):
        outbox.put(opening(1))
        assert sender.step() == 20.5
        clock.now += 20.0
        assert sender.step() == 0.5
        assert len(sidecar.requests) == 1
        clock.now += 0.5
        assert sender.step() == 0.0
        assert sender.step() is None
        assert sidecar.sequences == [1, 1]


def test_the_book_is_echoed_and_another_adopted_after_a_minute(warnings: list[str]) -> None:
    """The first book named is echoed; another one's 503 is retried, and believed in the end."""
    clock = Clock()
    other = Reply(503, {"Afterword-Book": "b"})
    script = [Reply(200, {"Afterword-Book": "a"}), other, other, other]
    with ScriptedSidecar(*script) as sidecar, sender_to(sidecar, clock) as (sender, outbox):
        outbox.put(opening(1))
        sender.step()
        outbox.put(opening(2))
        sender.step()
        for later in (59.0, 1.0, 60.0):
            clock.now += later
            sender.step()
        echoed = [request.headers.get("Afterword-Book") for request in sidecar.requests]
        assert echoed == [None, "a", "a", "a", "b"]
        assert sidecar.sequences == [1, 2, 2, 2, 2]
        assert sender.lost == 0
    assert ["do two sidecars share" in warnings[0], "book b from now on" in warnings[1]] == [
        True
    ] * 2


def test_a_record_that_cannot_be_encoded_does_not_stop_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One impossible record is given up and counted; it must not be tried for ever."""
    monkeypatch.setattr(internal_errors, "re_raise", False)
    with ScriptedSidecar() as sidecar, delivery_to(sidecar.endpoint) as delivery:
        delivery.send(opening(1, route=object()))
        impossible = KnownKind(TaskKind(5, "asyncio"))  # type: ignore[arg-type] # on purpose
        delivery.opened(task(2, known=impossible))
        delivery.send(opening(3))
        assert not delivery.flush(PATIENCE_SECONDS)
        assert (delivery.lost, sidecar.sequences) == (2, [3])


def test_without_threads_flush_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can start (a browser) evidence waits in memory for a flush."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with ScriptedSidecar(Reply(503)) as sidecar, delivery_to(sidecar.endpoint) as delivery:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            tell_task(delivery, 1)
            assert sidecar.requests == []
        assert delivery.flush(PATIENCE_SECONDS)
        assert sidecar.sequences == [3, 3]


def test_a_thread_that_could_not_be_started_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    """At its limit of threads once, a process says so, and delivers by itself when it may."""
    start = threading.Thread.start
    refusals = iter([RuntimeError("can't start new thread")])

    def refuse_once(self: threading.Thread) -> None:
        if self.name == "afterword-delivery":
            for error in refusals:
                raise error
        start(self)

    monkeypatch.setattr(threading.Thread, "start", refuse_once)
    with ScriptedSidecar() as sidecar, delivery_to(sidecar.endpoint) as delivery:
        delivery.send(opening(1))
        delivery.send(opening(2))
        sidecar.wait_for_requests(1)
        assert sidecar.sequences == [1, 2]
        assert delivery.flush(PATIENCE_SECONDS)
    [warning] = warnings
    assert "can't start new thread" in warning


def test_threads_and_finalizers_lose_nothing() -> None:
    """Eight threads at once, and a taken lock, as a finalizer inside ``send`` meets it."""
    with ScriptedSidecar() as sidecar, delivery_to(sidecar.endpoint) as delivery:
        start = threading.Barrier(8)

        def hammer(first: int) -> None:
            start.wait()
            for number in range(first, first + 250):
                delivery.send(opening(number))

        threads = [threading.Thread(target=hammer, args=(1 + 250 * each,)) for each in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with delivery._outbox._lock:
            delivery.send(opening(2001))
        assert delivery.flush(PATIENCE_SECONDS)
        assert sorted(sidecar.sequences) == list(range(1, 2002))


def test_close_sends_what_waits_and_ends_the_thread() -> None:
    """Nothing is left behind by an orderly end; what comes later is lost and counted."""
    with ScriptedSidecar() as sidecar:
        delivery = HttpDelivery(sidecar.endpoint, "", envelope(), interval_seconds=3600.0)
        delivery.send(opening(1))
        thread = delivery._worker.thread
        assert thread is not None
        assert thread.daemon
        delivery.close(PATIENCE_SECONDS)
        assert not thread.is_alive()
        assert sidecar.sequences == [1]
        delivery.send(opening(2))
        assert delivery.lost == 1


def test_a_delivery_never_used_has_no_thread() -> None:
    """A process without tasks pays for none, even when it ends."""
    delivery = HttpDelivery("http://127.0.0.1:1", "", envelope())
    assert delivery.flush(PATIENCE_SECONDS)
    delivery.close(PATIENCE_SECONDS)
    assert delivery._worker.thread is None


@pytest.mark.parametrize("endpoint", ["localhost:4318", "ftp://x", "http://", "http://x:port"])
def test_a_wrong_endpoint_is_told_at_once(endpoint: str) -> None:
    """An address that cannot be one is an error for the one who sets it, not a silent retry."""
    with pytest.raises(ValueError, match=r"endpoint|Port"):
        HttpDelivery(endpoint, "", envelope())


def test_a_token_that_no_header_carries_is_told_without_showing_it() -> None:
    """A pasted newline is an error that does not put the token into a log."""
    with pytest.raises(ValueError, match="the token has characters") as caught:
        HttpDelivery("http://x", "s3cret\n", envelope())
    assert "s3cret" not in str(caught.value)


FORKED = """
import os, sys
from worlds.reporting import *
from afterword.delivery.http import HttpDelivery

delivery = HttpDelivery(sys.argv[1], "", envelope())
delivery.send(opening(1))
assert delivery.flush(20)
with delivery._outbox._lock, delivery._progress, delivery._sending:  # as the thread may hold them
    child = os.fork()
    if child == 0:
        delivery.abandon()
        own = HttpDelivery(sys.argv[1], "", envelope(b"c" * 16))
        own.send(opening(10))
        os._exit(not own.flush(20))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
delivery.send(opening(2))
assert delivery.flush(20)
delivery.close(20)
"""


def test_a_forked_child_has_a_connection_of_its_own() -> None:
    """The child leaves the parent's socket usable, whatever locks were held when it was made."""
    tests = str(Path(__file__).parents[2])
    with ScriptedSidecar() as sidecar:
        subprocess.run(
            [sys.executable, "-c", FORKED, sidecar.endpoint],
            env={"PYTHONPATH": tests},
            check=True,
            timeout=PATIENCE_SECONDS,
        )
        assert [request.sequences for request in sidecar.requests] == [[1], [10], [2]]
        assert [request.connection for request in sidecar.requests] == [1, 2, 1]


FORKED_IN_AN_ANSWER = """
import os, socket, sys, threading
from worlds.reporting import *
from afterword.delivery.http import HttpDelivery

reading, forked = threading.Event(), threading.Event()
readinto = socket.SocketIO.readinto

def by_the_byte(self, buffer):
    http = delivery._connection._http
    if not reading.is_set() and http is not None and http._HTTPConnection__response is not None:
        reading.set()  # the rest of the body, with the reader's lock held
        assert forked.wait(20)
    return readinto(self, memoryview(buffer)[:1])

socket.SocketIO.readinto = by_the_byte
delivery = HttpDelivery(sys.argv[1], "", envelope())
delivery.send(opening(1))
assert reading.wait(20)
child = os.fork()
if child == 0:
    delivery.abandon()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
forked.set()
assert delivery.flush(20)
delivery.close(20)
"""


def test_a_child_that_is_forked_while_an_answer_is_read_goes_on() -> None:
    """What the parent's thread was reading from is locked for ever in the child: it lets it be."""
    tests = str(Path(__file__).parents[2])
    with ScriptedSidecar() as sidecar:
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", FORKED_IN_AN_ANSWER, sidecar.endpoint],
            env={"PYTHONPATH": tests},
            check=True,
            timeout=PATIENCE_SECONDS,
        )
        assert sidecar.sequences == [1]


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".org"])
def test_a_host_that_is_no_name_is_an_endpoint_that_does_not_answer(
    host: str, warnings: list[str]
) -> None:
    """What the resolver cannot even ask for is told once, in plain words, and is no bug of ours."""
    with delivery_to(f"http://{host}:4318") as delivery:
        delivery.send(opening(1))
        assert not delivery.flush(BRIEFLY)
        [warning] = warnings
        assert f"sidecar at http://{host}:4318 does not answer" in warning
