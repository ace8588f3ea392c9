"""Beats: who promises a lease, what keeps it, and what it costs a process that has nothing open."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any, Final

import pytest

import afterword
from afterword import beats, internal_errors, names, settings, stream
from afterword.beats import lease_of
from afterword.delivery.http import HttpDelivery
from afterword.settings import Settings, read
from worlds.scripted_sidecar import PATIENCE_SECONDS, RESET, Request, ScriptedSidecar, attributes

LEASE_SECONDS: Final = 0.5


@pytest.fixture
def sidecar(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedSidecar]:
    """Where this process's evidence goes for one test, by HTTP and under a short lease."""
    monkeypatch.setattr(internal_errors, "re_raise", True)
    before, aside = settings.in_force(), stream.set_aside()
    with ScriptedSidecar() as port:
        afterword.configure(endpoint=port.endpoint, lease_seconds=LEASE_SECONDS)
        yield port
        stream.end_all()
        stream.put_back(aside)
        settings.restore(before)


def instances(sidecar: ScriptedSidecar, state: str) -> list[dict[str, Any]]:
    """The attributes of the instance's records in one state, in the order of arrival."""
    told = [attributes(each) for request in sidecar.requests for each in request.records]
    return [each for each in told if each.get(names.STATE) == state]


def wait_for_beats(sidecar: ScriptedSidecar, count: int) -> list[dict[str, Any]]:
    def have_come() -> bool:
        return len(instances(sidecar, names.INSTANCE_BEAT)) >= count

    sidecar.wait_until(have_come, f"{count} beats have arrived")
    return instances(sidecar, names.INSTANCE_BEAT)


@pytest.mark.parametrize(
    ("environment", "asked", "lease_seconds"),
    [
        ({}, None, beats.DEFAULT_LEASE_SECONDS),
        ({}, 90.0, 90.0),
        ({}, 0.0, 0.0),
        ({"VERCEL": "1"}, 90.0, 0.0),
        ({"AWS_LAMBDA_FUNCTION_NAME": "f"}, 90.0, 0.0),
        ({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}, None, 0.0),
        ({"FUNCTIONS_WORKER_RUNTIME": "python"}, 90.0, 0.0),
        ({"FUNCTION_TARGET": "main"}, 90.0, 0.0),
        ({"K_SERVICE": "shop"}, None, 0.0),
        ({"K_SERVICE": "shop"}, 90.0, 90.0),
    ],
)
def test_only_a_process_that_nobody_freezes_promises_a_lease(
    environment: dict[str, str], asked: float | None, lease_seconds: float
) -> None:
    """Never on Vercel, Lambda and their like; on Cloud Run where it was asked for."""
    assert lease_of(Settings(lease_seconds=asked), environment) == lease_seconds


def test_the_setting_is_seconds_and_a_lease_too_short_to_keep_is_refused() -> None:
    """0 promises none; what three beats do not fit into is a mistake, and told."""
    assert read({"AFTERWORD_LEASE_SECONDS": "45"}, {})[0].lease_seconds == 45
    assert read({}, {"lease_seconds": 0})[0].lease_seconds == 0
    in_force, (problem,) = read({"AFTERWORD_LEASE_SECONDS": "0.1"}, {})
    assert in_force.lease_seconds is None
    assert "0.5 seconds or more" in str(problem)


async def test_beats_go_on_while_a_task_blocks_the_loop(sidecar: ScriptedSidecar) -> None:
    """A thread beats, with lease and totals; the loop is blocked until enough have arrived."""
    arrived: list[dict[str, Any]] = []

    async def blocks() -> None:
        arrived.extend(wait_for_beats(sidecar, 4))

    await _done(afterword.wait_until(blocks()))
    assert [each[names.LEASE_SECONDS] for each in arrived] == [LEASE_SECONDS] * 4
    assert {each[names.SCHEDULED_TOTAL] for each in arrived} == {"1"}
    assert {each[names.SETTLED_TOTAL] for each in arrived} == {"0"}
    (up,) = instances(sidecar, names.INSTANCE_UP)
    assert up[names.LEASE_SECONDS] == LEASE_SECONDS


async def test_an_idle_process_levels_its_account_and_falls_silent(
    sidecar: ScriptedSidecar,
) -> None:
    """The last beat has the last totals; after it nothing is told, however long nobody calls."""
    await _done(afterword.wait_until(_quick()))
    beat = _beat_of(stream.current())

    def account() -> list[tuple[str, str]]:
        told = instances(sidecar, names.INSTANCE_BEAT)[-1:]
        return [(each[names.SCHEDULED_TOTAL], each[names.SETTLED_TOTAL]) for each in told]

    level = "the account is level"
    await asyncio.to_thread(sidecar.wait_until, lambda: account() == [("1", "1")], level)
    assert afterword.flush(PATIENCE_SECONDS)
    told = len(sidecar.requests)
    for _ in range(10):
        beat.tell()
    assert afterword.flush(PATIENCE_SECONDS)
    assert len(sidecar.requests) == told


async def test_one_beat_waits_for_a_sidecar_that_is_away_and_no_second(
    sidecar: ScriptedSidecar,
) -> None:
    """A partition costs one record of memory and one try a beat; healed, the lease is renewed."""
    sidecar.script.extend([RESET] * 8)
    blocked = asyncio.Event()
    future = afterword.wait_until(_waits(blocked))
    beat = _beat_of(stream.current())
    for _ in range(50):
        beat.tell()
    await asyncio.to_thread(sidecar.wait_for_requests, 9)
    blocked.set()
    await _done(future)
    assert afterword.flush(PATIENCE_SECONDS)
    taken = [_beats_in(request) for request in sidecar.requests[8:]]
    assert max(map(len, taken)) == 1, "the next one is told when the last has arrived"
    numbers = [each[names.SEQUENCE] for beats in taken for each in beats]
    assert len(set(numbers)) == len(numbers)


async def test_a_beat_that_fails_is_followed_by_the_next(
    sidecar: ScriptedSidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment without memory costs one beat, not the lease; and no order outlasts the lease."""
    blocked = asyncio.Event()
    future = afterword.wait_until(_waits(blocked))
    beat = _beat_of(stream.current())
    await asyncio.to_thread(wait_for_beats, sidecar, 1)
    with monkeypatch.context() as short:
        short.setattr(stream.Stream, "tell_beat", _no_memory)
        while not await asyncio.to_thread(_fails, beat):
            pass  # one is under way
    told = len(instances(sidecar, names.INSTANCE_BEAT))
    await asyncio.to_thread(wait_for_beats, sidecar, told + 2)
    delivery = stream.current().delivery
    assert isinstance(delivery, HttpDelivery)
    assert delivery._sender.most_ordered_seconds == LEASE_SECONDS / 3
    blocked.set()
    await _done(future)


def _beats_in(request: Request) -> list[dict[str, Any]]:
    told = map(attributes, request.records)
    return [each for each in told if each.get(names.STATE) == names.INSTANCE_BEAT]


def _no_memory(*_: object) -> None:
    raise MemoryError


def _fails(beat: beats.Beat) -> bool:
    try:
        beat.tell()
    except MemoryError:
        return True
    return False


async def test_a_stream_that_said_goodbye_beats_no_more(sidecar: ScriptedSidecar) -> None:
    """The last word of an instance is ``down``, with its totals; a beat would take it back."""
    await _done(afterword.wait_until(_quick()))
    ending = stream.current()
    beat = _beat_of(ending)
    ending.tell_down()
    beat.tell()
    assert afterword.flush(PATIENCE_SECONDS)
    told = [attributes(each) for request in sidecar.requests for each in request.records]
    states = [each[names.STATE] for each in told if names.STATE in each]
    assert (states[0], states[-1]) == (names.INSTANCE_UP, names.INSTANCE_DOWN)
    assert (told[-1][names.SCHEDULED_TOTAL], told[-1][names.SETTLED_TOTAL]) == ("1", "1")


def test_a_forked_child_keeps_its_own_promise(sidecar: ScriptedSidecar) -> None:
    """The parent's thread stays behind; the child's stream has a thread and beats of its own."""
    asyncio.run(_one())
    parent = stream.current().id.hex()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(write_end)
        try:
            asyncio.run(_one())
            os.read(read_end, 1)  # until the parent has seen it beat
        finally:
            os._exit(0)
    try:
        sidecar.wait_until(lambda: bool(_streams_that_beat(sidecar) - {parent}), "the child beats")
        children = _streams_that_beat(sidecar) - {parent}
    finally:
        os.close(write_end)
        os.close(read_end)
        os.waitpid(pid, 0)
    assert len(children) == 1


def _streams_that_beat(sidecar: ScriptedSidecar) -> set[str]:
    marked = f'"key":"{names.STREAM}","value":{{"stringValue":"'
    return {
        request.body.decode().split(marked)[1][:32]
        for request in sidecar.requests
        if _beats_in(request)
    }


def _beat_of(own: stream.Stream) -> beats.Beat:
    (beat,) = [each for each in beats._keeper()._beats if each.stream is own]
    return beat


async def _quick() -> None:
    """Ends at once."""


async def _waits(event: asyncio.Event) -> None:
    await event.wait()


async def _one() -> None:
    await _done(afterword.wait_until(_quick()))


async def _done(future: "asyncio.Future[Any] | None") -> None:
    assert future is not None
    await future
