"""``--afterword-kill-at-every-await``: real tests, cut off by real deaths."""

import pytest

from worlds.nested_pytest import Nested

pytest_plugins = ("pytester",)

KILL = "--afterword-kill-at-every-await"

SHOP = '''
"""A shop whose world outside is told of by its fakes."""
import asyncio
import afterword
import pytest
from afterword.testing import DeferredEffects

world: DeferredEffects

@pytest.fixture(autouse=True)
def outside(deferred_effects):
    global world
    world = deferred_effects

@afterword.deferred(name="naive")
async def naive(order_id):
    try:
        await asyncio.sleep(0)
        world.record("charged", order_id)
        await asyncio.sleep(0)
        world.record("mailed", order_id)
    finally:
        world.record("closed", order_id, idempotent=True)

async def careful(order_id, *, note, **more):
    await asyncio.sleep(0)
    if not world.happened("charged", order_id):
        world.record("charged", order_id)
    await asyncio.sleep(0)
    world.record("noted", note, more["at"], idempotent=True)

async def at_most_once(order_id):
    if not world.happened("begun", order_id):
        world.record("begun", order_id)
        await asyncio.sleep(0)
        world.record("mailed", order_id)

@afterword.deferred(capture=False)
async def without_payload(order_id):
    await asyncio.sleep(0)
    world.record("charged", order_id)
'''

CUT = """
import afterword
import pytest
from shop import *

@pytest.mark.afterword_kill
async def test_naive(deferred_tasks):
    afterword.wait_until(naive(7))
    await deferred_tasks.drain()
    deferred_tasks.assert_all_completed()

@pytest.mark.afterword_kill
async def test_careful(deferred_tasks):
    afterword.wait_until(careful(7, note="thank you", at="noon"))
    await deferred_tasks.drain()

@pytest.mark.afterword_kill
async def test_at_most_once(deferred_tasks):
    afterword.wait_until(at_most_once(7))
    await deferred_tasks.drain()

@pytest.mark.afterword_kill
async def test_without_payload(deferred_tasks):
    afterword.wait_until(without_payload(7))
    await deferred_tasks.drain()

@pytest.mark.afterword_kill(at_most=1)
async def test_two_at_once(deferred_tasks):
    afterword.wait_until(naive(1))
    afterword.wait_until(naive(2))
    await deferred_tasks.drain()

async def test_unmarked(deferred_tasks):
    assert len(deferred_tasks) == 0
"""

SYNCHRONOUS = """
import sqlite3
import afterword
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTasks
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
import shop
from shop import *

async def hand_over(request):
    shop.world.record("asked")
    afterword.wait_until(naive(7))
    return PlainTextResponse("thank you")

async def add_tasks(request):
    tasks = BackgroundTasks()
    tasks.add_task(careful, 7, note="thank you", at="noon")
    tasks.add_task(naive, 8)
    return PlainTextResponse("thank you", background=tasks)

async def insert(order_id):
    with sqlite3.connect(shop.world.directory / "shop.db") as database:
        database.execute("insert or ignore into orders values (?)", (order_id,))
    await asyncio.sleep(0)
    with sqlite3.connect(shop.world.directory / "shop.db") as database:
        ((number,),) = database.execute("select count(*) from orders")
    shop.world.record("counted", number, idempotent=True)

async def keep(request):
    afterword.wait_until(insert(7))
    return PlainTextResponse("thank you")

@pytest.fixture
def client(deferred_tasks, deferred_effects):
    with sqlite3.connect(deferred_effects.directory / "shop.db") as database:
        database.execute("create table if not exists orders (id integer primary key)")
    afterword.instrument("starlette")
    routes = [Route("/w", hand_over), Route("/b", add_tasks), Route("/k", keep)]
    with TestClient(Starlette(routes=routes)) as client:
        yield client

@pytest.mark.afterword_kill
@pytest.mark.parametrize("path", ["w", "b", "k"])
def test_path(path, client, deferred_tasks):
    assert client.get(f"/{path}").text == "thank you"
    deferred_tasks.drain_blocking()
    deferred_tasks.assert_all_completed()
"""

ODD = """
import os, unittest
from pathlib import Path
import afterword
import pytest
import shop
from shop import *

async def never(order_id):
    await asyncio.sleep(0)
    shop.world.record("begun", order_id)
    if shop.world.count("begun", order_id) > 1:
        await asyncio.Event().wait()
    await asyncio.sleep(0)

async def raises(order_id):
    await asyncio.sleep(0)
    shop.world.record("tried", order_id, idempotent=True)
    await asyncio.sleep(0)
    if shop.world.count("tried", order_id) > 1:
        raise ValueError("twice")

async def at_once():
    pass

async def no_effect():
    await asyncio.sleep(0)

@pytest.mark.afterword_kill
async def test_failing_uncut(deferred_tasks):
    print("said before")
    assert deferred_tasks["naive"].completed == 1

@pytest.mark.afterword_kill
async def test_never_suspended(deferred_tasks):
    afterword.wait_until(at_once())
    await deferred_tasks.drain()

@pytest.mark.afterword_kill
async def test_without_effect(deferred_tasks):
    afterword.wait_until(no_effect())
    await deferred_tasks.drain()

@pytest.mark.afterword_kill(timeout_seconds=2)
async def test_hanging_again(deferred_tasks):
    afterword.wait_until(never(7))
    await deferred_tasks.drain()

@pytest.mark.afterword_kill
async def test_raising_again(deferred_tasks):
    afterword.wait_until(raises(7))
    await deferred_tasks.drain()

@pytest.mark.afterword_kill
async def test_local_function(deferred_tasks):
    async def local():
        await asyncio.sleep(0)
        shop.world.record("charged", 7)

    afterword.wait_until(local())
    await deferred_tasks.drain()

@pytest.mark.afterword_kill
async def test_never_the_same(deferred_tasks, runs=Path(__file__).parent / "runs"):
    if not runs.exists():
        runs.touch()
        afterword.wait_until(naive(7))
    await deferred_tasks.drain()

@pytest.mark.afterword_kill
def test_dying(deferred_tasks):
    os._exit(3)

@pytest.mark.afterword_kill(at_last=3)
def test_misspelt_marker():
    pass

@pytest.mark.afterword_kill
@pytest.mark.skip(reason="not now")
def test_skipped():
    pass

class TestOld(unittest.TestCase):
    @pytest.mark.afterword_kill
    def test_of_unittest(self):
        pass
"""

SHARED = """
import asyncio, os
from pathlib import Path
import afterword
import pytest

LOG = Path(__file__).parent / "log"

@pytest.fixture(scope="module", autouse=True)
def of_module():
    yield
    with LOG.open("a") as log:
        log.write(f"{__name__} {os.getpid()}\\n")

@pytest.fixture(autouse=True)
def outside(deferred_effects):
    globals()["world"] = deferred_effects

async def send():
    await asyncio.sleep(0)
    world.record("sent")

def test_before():
    pass

@pytest.mark.afterword_kill
async def test_killed(deferred_tasks):
    afterword.wait_until(send())
    await deferred_tasks.drain()
"""

AFTER = """
import os
from pathlib import Path

def test_after():
    assert (Path(__file__).parent / "log").read_text() == f"test_a {os.getpid()}\\n"
"""


def test_what_a_kill_costs(pytester: pytest.Pytester) -> None:
    """Each suspension point with what is lost and repeated; ``finally`` of the dead never ran."""
    pytester.makepyfile(shop=SHOP, test_cut=CUT)
    run = Nested(pytester, KILL)
    assert run.status == 1
    assert sorted(name for name, said in run.failures.items() if said) == [
        "test_at_most_once",
        "test_naive",
        "test_without_payload",
    ]
    first, second = "asyncio.sleep at shop.py:17 in naive", "asyncio.sleep at shop.py:19 in naive"
    assert run.table_of("test_naive") == [
        ["1", "naive", first, "-", "-", "-"],
        ["2", "naive", second, "charged(7)", "-", "charged(7)"],
    ]
    assert (
        "killed at 2 suspension points, effects lost or repeated at 1\n"
        in run.failures["test_naive"]
    )
    assert [row[3:] for row in run.table_of("test_careful")] == [
        ["-", "-", "-"],
        ["charged(7)", "-", "-"],
    ]
    assert [row[3:] for row in run.table_of("test_at_most_once")] == [
        ["begun(7)", "mailed(7)", "-"]
    ]
    cut, remark = run.table_of("test_without_payload")
    assert cut[3:] == ["-", "charged(7)", "-"]
    assert remark == [
        "! without_payload: cannot be run again: it has no payload: capture is off for it"
    ]
    assert (
        "killed at 1 suspension point (the first of 4: at_most), nothing lost or repeated"
        in run.output
    )


def test_applications_under_a_test_client(pytester: pytest.Pytester) -> None:
    """Synchronous tests of an app, its background tasks too, on a worker of xdist's."""
    pytester.makepyfile(shop=SHOP, test_synchronous=SYNCHRONOUS)
    run = Nested(pytester, KILL, "-n1")
    assert [name for name, said in run.failures.items() if not said] == ["test_path[k]"], run.output
    assert [row[1:2] + row[3:] for row in run.table_of("test_path[w]")] == [
        ["naive", "-", "-", "-"],
        ["naive", "charged(7)", "-", "charged(7)"],
    ]
    assert [row[1:2] + row[3:] for row in run.table_of("test_path[b]")] == [
        ["careful", "-", "-", "-"],
        ["careful", "charged(7)", "-", "-"],
        ["naive", "charged(7), noted('thank you', 'noon')", "-", "-"],
        ["naive", "charged(7), noted('thank you', 'noon'), charged(8)", "-", "charged(8)"],
    ]


def test_what_cannot_be_judged_fails_and_says_why(pytester: pytest.Pytester) -> None:
    """A test that proves nothing never passes for one that was killed everywhere."""
    pytester.makepyfile(shop=SHOP, test_odd=ODD)
    said = Nested(pytester, KILL).failures
    assert "where 0 = <no deferred tasks 'naive'; seen: none>" in said["test_failing_uncut"]
    assert "no deferred task of this test was ever suspended" in said["test_never_suspended"]
    assert "no deferred task of this test had an effect" in said["test_without_effect"]
    assert "TimeoutError" in said["test_hanging_again"]
    assert said["test_raising_again"] == ""
    assert "cannot be run again: no function test_odd.test_local_" in said["test_local_function"]
    assert "not reached this time" in said["test_never_the_same"]
    assert "the uncut run ended with status 3" in said["test_dying"]
    assert "unexpected keyword argument 'at_last'" in said["test_misspelt_marker"]
    assert "not now" in said["test_skipped"]
    assert "only test functions can be killed" in said["test_of_unittest"]


def test_what_tests_share_is_torn_down_once(pytester: pytest.Pytester) -> None:
    """The children leave what their parent had set up; it is torn down before the next module."""
    pytester.makepyfile(test_a=SHARED, test_b=AFTER)
    run = Nested(pytester, KILL)
    assert set(run.failures.values()) == {""}, run.output
    assert len(run.failures) == 3
