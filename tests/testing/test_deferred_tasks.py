"""The fixture ``deferred_tasks`` as users' tests have it: the plugin is installed here too."""

import asyncio
import threading

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import afterword
from afterword import internal_errors, settings, stream
from afterword.testing import DeferredTasks, is_testing, recording, set_testing


async def send_receipt(order_id: int) -> None:
    await asyncio.sleep(0)
    if order_id < 0:
        raise ValueError(f"no order {order_id}")


async def wait_for(event: asyncio.Event) -> None:
    await event.wait()


async def hand_over(order_id: int) -> None:
    await asyncio.sleep(0)
    afterword.wait_until(send_receipt(order_id))


async def checkout(request: Request) -> PlainTextResponse:
    afterword.wait_until(send_receipt(int(request.query_params["order_id"])))
    return PlainTextResponse("thank you")


async def subscribe(request: Request) -> PlainTextResponse:
    afterword.wait_until(wait_for(asyncio.Event()))
    return PlainTextResponse("welcome")


shop = Starlette(routes=[Route("/checkout", checkout), Route("/subscribe", subscribe)])


async def test_tasks_are_counted_once_drained(deferred_tasks: DeferredTasks) -> None:
    """Drained, each task has its outcome; counted by name, and all of them."""
    afterword.wait_until(send_receipt(1))
    afterword.wait_until(send_receipt(-1))
    assert deferred_tasks["send_receipt"].in_flight == 2
    await deferred_tasks.drain()
    receipts = deferred_tasks["send_receipt"]
    assert (receipts.scheduled, receipts.completed, receipts.failed) == (2, 1, 1)
    assert receipts[1].error_type == "ValueError"
    assert receipts[1].error_message == "no order -1"
    assert [task.outcome for task in deferred_tasks] == ["completed", "failed"]
    assert len(deferred_tasks) == len(deferred_tasks.all) == 2


async def test_drain_waits_for_what_tasks_hand_over(deferred_tasks: DeferredTasks) -> None:
    """A task handed over by a task is waited for too."""
    afterword.wait_until(hand_over(1))
    await deferred_tasks.drain()
    assert deferred_tasks["send_receipt"].completed == 1


async def test_drain_says_what_is_still_in_flight_and_where(deferred_tasks: DeferredTasks) -> None:
    """Past its time-out, drain fails with each open task and the frame it is suspended in."""
    event = asyncio.Event()
    afterword.wait_until(wait_for(event))
    with pytest.raises(AssertionError, match=r"wait_for in_flight, awaiting .*\.py:\d+ in wait_f"):
        await deferred_tasks.drain(timeout_seconds=0.01)
    with pytest.raises(AssertionError, match=r"await deferred_tasks.drain\(\) before asserting"):
        deferred_tasks.assert_all_completed()
    event.set()
    await deferred_tasks.drain()
    deferred_tasks.assert_all_completed()


async def test_failures_are_told_with_their_stack(deferred_tasks: DeferredTasks) -> None:
    """What a failed task raised is in the message, with the line that raised it."""
    afterword.wait_until(send_receipt(-1))
    await deferred_tasks.drain()
    with pytest.raises(AssertionError) as failed:
        deferred_tasks.assert_all_completed()
    said = str(failed.value)
    assert said.startswith("1 of 1 deferred tasks did not complete:\n  send_receipt failed/excep")
    assert 'raise ValueError(f"no order {order_id}")' in said


async def test_a_misspelt_name_is_told(deferred_tasks: DeferredTasks) -> None:
    """A name that no task has gives an empty answer that shows which names there are."""
    afterword.wait_until(send_receipt(1))
    await deferred_tasks.drain()
    misspelt = deferred_tasks["send_recipt"]
    assert misspelt.completed == 0
    assert repr(misspelt) == "<no deferred tasks 'send_recipt'; seen: send_receipt 1 completed>"
    with pytest.raises(AssertionError, match=r"no deferred task was handed over: .*send_recipt"):
        misspelt.assert_all_completed()
    with pytest.raises(IndexError, match=r"no task number 0: .*send_recipt"):
        misspelt[0]


async def test_arguments_are_there_where_capture_is_on(deferred_tasks: DeferredTasks) -> None:
    """What would be kept for a replay can be asserted; the test's configuration is its own."""
    afterword.wait_until(send_receipt(1))
    afterword.configure(capture=True)
    afterword.wait_until(send_receipt(2))
    await deferred_tasks.drain()
    receipts = deferred_tasks["send_receipt"]
    assert [task.arguments for task in receipts] == [None, {"order_id": 2}]


def test_an_app_under_a_test_client_is_drained_from_outside(deferred_tasks: DeferredTasks) -> None:
    """A synchronous test blocks until the tasks on the client's thread have ended."""
    with TestClient(shop) as client:
        for order_id in (1, 2, 3):
            assert client.get(f"/checkout?order_id={order_id}").text == "thank you"
        deferred_tasks.drain_blocking()
    assert deferred_tasks["send_receipt"].completed == 3


def test_a_client_outside_with_ends_its_loop_with_each_request(
    deferred_tasks: DeferredTasks,
) -> None:
    """Without ``with`` the client's loop stops after the response, and tasks with it: it shows."""
    TestClient(shop).get("/subscribe")
    with pytest.raises(AssertionError, match=r"wait_for dropped/shutdown, awaiting .* in wait_for"):
        deferred_tasks.assert_all_completed()


def test_a_test_without_any_loop(deferred_tasks: DeferredTasks) -> None:
    """Handed over where no loop runs, a task is dropped, and there is nothing to wait for."""
    afterword.wait_until(send_receipt(1))
    deferred_tasks.drain_blocking()
    assert (deferred_tasks.all.dropped, deferred_tasks.all[0].reason) == (1, "no_context")
    asyncio.run(deferred_tasks.drain())


def test_blocking_drain_says_what_is_still_in_flight(deferred_tasks: DeferredTasks) -> None:
    """The blocking form fails alike when tasks on another thread do not end in time."""
    with TestClient(shop) as client:
        assert client.portal is not None
        event: asyncio.Event = client.portal.call(_open)
        with pytest.raises(AssertionError, match=r"in_flight, awaiting .* in wait_for"):
            deferred_tasks.drain_blocking(timeout_seconds=0.01)
        client.portal.call(event.set)
        deferred_tasks.drain_blocking()
    deferred_tasks.assert_all_completed()


async def _open() -> asyncio.Event:
    event = asyncio.Event()
    afterword.wait_until(wait_for(event))
    await asyncio.sleep(0)  # it begins: this loop's thread may be the slower one
    return event


async def test_blocking_drain_refuses_to_block_a_loop(deferred_tasks: DeferredTasks) -> None:
    """On a thread that runs a loop it would wait for itself, and names the other form."""
    afterword.wait_until(send_receipt(1))
    with pytest.raises(RuntimeError, match=r"use: await deferred_tasks.drain\(\)"):
        deferred_tasks.drain_blocking()
    await deferred_tasks.drain()


def test_errors_of_our_own_are_raised(
    deferred_tasks: DeferredTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a test an internal error of Afterword's fails it, by the public switch."""
    assert is_testing()
    with pytest.raises(ZeroDivisionError):
        _fail_inside()
    set_testing(False)
    _fail_inside()
    set_testing(True)
    assert len(deferred_tasks) == 0


def _fail_inside() -> None:
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        internal_errors.handle("dividing")


def test_all_is_as_before_afterwards() -> None:
    """After a recording: the streams, the settings and the error handling are those from before."""
    with recording():
        asyncio.run(send(1))
        before = stream.existing(), settings.current(), is_testing()
        with recording(capture=True) as inner:
            asyncio.run(send(2))
            afterword.configure(capture=False)
            thread = threading.Thread(target=lambda: asyncio.run(send(3)))
            thread.start()
            thread.join()
        assert inner.outcomes() == {"send_receipt": ["completed", "completed"]}
        assert (stream.existing(), settings.current(), is_testing()) == before
        assert [one.scheduled for one in stream.counted_in_process()] == [1]


async def send(order_id: int) -> None:
    future = afterword.wait_until(send_receipt(order_id))
    assert future is not None
    await future
