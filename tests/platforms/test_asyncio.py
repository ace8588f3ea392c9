"""Tasks made with ``create_task``, watched by the names of what they run."""

import asyncio
import gc
import inspect
import sys
from asyncio import create_task  # taken before anything is instrumented, as applications do
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from opentelemetry.instrumentation.asyncio import AsyncioInstrumentor

import afterword
from afterword import names
from afterword.kinds import Naming
from afterword.platforms.asyncio.patterns import Patterns
from worlds.evidence import Evidence, recorded

OWN_CODE = (create_task.__code__, asyncio.TaskGroup.create_task.__code__)


class BankError(Exception):
    """What a task raises."""


async def send_receipt(order: int) -> int:
    return order


async def send_nothing() -> None:
    raise BankError


async def send_for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def book_courier() -> None:
    pass


@pytest.fixture
def evidence(tmp_path: Path) -> Iterator[Evidence]:
    """Tasks whose function begins with ``send_`` are watched."""
    with recorded(tmp_path / "spool", asyncio_tasks=["send_*"]) as told:
        afterword.instrument("asyncio")
        yield told
        afterword.uninstrument()
        assert (create_task.__code__, asyncio.TaskGroup.create_task.__code__) == OWN_CODE


Factory = Callable[..., "asyncio.Future[Any]"]


def plain_factory(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **more: Any
) -> "asyncio.Task[Any]":
    return asyncio.Task(coroutine, loop=loop, **more)


LOOPS_AND_FACTORIES: list[tuple[Callable[[], asyncio.AbstractEventLoop], Factory | None]] = [
    (asyncio.new_event_loop, None),
    (asyncio.new_event_loop, plain_factory),
    (uvloop.new_event_loop, None),
    (uvloop.new_event_loop, plain_factory),
]
if sys.version_info >= (3, 12):  # uvloop 0.23 cannot use it, instrumented or not
    LOOPS_AND_FACTORIES.append((asyncio.new_event_loop, asyncio.eager_task_factory))


async def use_tasks() -> None:
    coroutine = send_receipt(17)
    task = create_task(coroutine, name="receipt")
    assert isinstance(task, asyncio.Task)
    assert task.get_name() == "receipt"
    assert task.get_coro() is coroutine or task.done()  # an eager one has let go of it
    assert await task == 17
    failed = asyncio.create_task(send_nothing())
    with pytest.raises(BankError):
        await failed
    async with asyncio.TaskGroup() as group:
        in_group = group.create_task(send_receipt(18))
        group.create_task(book_courier())
        cut_off = group.create_task(send_for_ever())
        await asyncio.wait([in_group])
        cut_off.cancel()
    assert in_group.result() == 18


@pytest.mark.parametrize(("make_loop", "factory"), LOOPS_AND_FACTORIES)
def test_tasks_are_as_ever_and_told(
    evidence: Evidence,
    make_loop: Callable[[], asyncio.AbstractEventLoop],
    factory: Factory | None,
) -> None:
    """Functions and groups, both loops, task factories: results, errors and names untouched."""
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.get_loop().set_task_factory(factory)
        runner.run(use_tasks())
    assert evidence.endings() == {
        "send_receipt": ["completed/completed"] * 2,
        "send_nothing": ["failed/exception"],
        "send_for_ever": ["cancelled/cancelled"],
    }
    (cut_off,) = evidence.tasks("send_for_ever")
    assert "in send_for_ever" in cut_off.closing[names.AWAITING]
    assert cut_off.opening[names.PLATFORM] == "asyncio"


async def test_a_task_that_nobody_holds_is_collected_and_told(evidence: Evidence) -> None:
    """Watching keeps nothing alive: the task vanishes as it would, and is in the book for it."""
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _told: None)
    gc.disable()  # it may come by itself, before it is looked for
    try:
        create_task(send_for_ever())  # noqa: RUF006 - nobody does
        await asyncio.sleep(0)
        assert evidence.endings() == {"send_for_ever": [""]}
    finally:
        gc.enable()
    gc.collect()
    assert evidence.endings() == {"send_for_ever": ["dropped/abandoned"]}


def test_tasks_pending_when_the_loop_closes(evidence: Evidence) -> None:
    """Asyncio's runner cancels what is left: that is the process stopping, not a cancellation."""

    async def main() -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(send_for_ever())]
        await asyncio.sleep(0)
        return tasks

    asyncio.run(main())
    assert evidence.endings() == {"send_for_ever": ["dropped/shutdown"]}


async def test_a_watched_task_that_is_handed_over(evidence: Evidence) -> None:
    """``wait_until(create_task(…))`` is one task; its time-out holds."""
    task = asyncio.create_task(send_for_ever())
    assert afterword.wait_until(task, timeout=0.01) is task
    with pytest.raises(asyncio.CancelledError):
        await task
    assert evidence.endings() == {"send_for_ever": ["timed_out/timeout"]}


async def test_a_group_that_refuses(evidence: Evidence) -> None:
    """The group's own error escapes; nothing is left open in the book."""
    async with asyncio.TaskGroup() as group:
        pass
    coroutine = send_receipt(17)
    with pytest.raises(RuntimeError, match="finished"):
        group.create_task(coroutine)
    is_closed = inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED  # since Python 3.13
    assert evidence.endings() == ({"send_receipt": ["dropped/refused"]} if is_closed else {})
    coroutine.close()


def test_outside_of_a_loop(evidence: Evidence) -> None:
    """Asyncio's own error, and a coroutine that its owner may still run."""
    coroutine = send_receipt(17)
    with pytest.raises(RuntimeError, match="no running event loop"):
        create_task(coroutine)  # noqa: RUF006 - there is none
    assert asyncio.run(coroutine) == 17
    assert evidence.tasks() == []


async def test_the_arguments_are_kept(tmp_path: Path) -> None:
    """With capture on, the payload is read before the first step."""
    with recorded(tmp_path / "captured", asyncio_tasks=["send_*"], capture=True) as evidence:
        afterword.instrument("asyncio")
        await asyncio.create_task(send_receipt(17))
        afterword.uninstrument("asyncio")
    (task,) = evidence.tasks()
    assert task.payload == {"arguments": {"order": 17}}


@pytest.mark.parametrize("ours_first", [True, False])
async def test_beside_opentelemetry(evidence: Evidence, *, ours_first: bool) -> None:
    """Its wrapper around the coroutine is looked through: the task's own name, and once."""
    if not ours_first:
        afterword.uninstrument("asyncio")
    AsyncioInstrumentor().instrument()
    try:
        if not ours_first:
            afterword.instrument("asyncio")
        assert await asyncio.create_task(send_receipt(17)) == 17
        async with asyncio.TaskGroup() as group:
            group.create_task(send_receipt(18))
    finally:
        AsyncioInstrumentor().uninstrument()
    assert evidence.endings() == {"send_receipt": ["completed/completed"] * 2}
    for task in evidence.tasks():
        assert task.opening[names.CODE_FUNCTION] == f"{__name__}.send_receipt"


@pytest.mark.parametrize(
    ("patterns", "matches"),
    [
        (("shop.*",), True),
        (("shop.receipts.*",), True),
        (("send_*",), True),
        (("Mailer.send_*",), True),
        (("marked",), False),
        (("shop",), False),
        (("bank.*", "book_*"), False),
        ((), False),
    ],
)
def test_patterns(patterns: tuple[str, ...], *, matches: bool) -> None:
    """Of a module, of a function, of both, of a mark's name; a module alone is ``shop.*``."""
    naming = Naming("Mailer.send_receipt", "shop.receipts.Mailer.send_receipt", None)
    assert Patterns(patterns).match(naming) is matches
    marked = naming._replace(name="marked")
    assert Patterns(("marked",)).match(marked)
