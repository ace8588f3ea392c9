"""The plugin in other people's pytest runs: out of the way, and at work under every runner."""

import sys
from pathlib import Path

import pytest

import afterword
from worlds.nested_pytest import Nested

pytest_plugins = ("pytester",)

UNUSED = """
import sys
import pytest

def test_that_knows_nothing_of_it():
    assert not [name for name in sys.modules if name.partition(".")[0] == "afterword"]
    import afterword
    assert not [name for name in sys.modules if name.startswith("afterword.testing")]

@pytest.mark.afterword_kill
def test_that_is_marked(request):
    request.config.stash.setdefault(key, []).append(1)

def test_that_the_marked_one_ran_once(request):
    assert request.config.stash[key] == [1]

key = pytest.StashKey()
"""

RUNNERS = """
import asyncio
import afterword
import pytest

world = None

@pytest.fixture(autouse=True)
def outside(deferred_effects):
    global world
    world = deferred_effects

async def send_receipt():
    await asyncio.sleep(0)
    world.record("mailed")

@pytest.fixture(params=["asyncio"])
def anyio_backend(request):
    return request.param

@pytest.mark.afterword_kill
@pytest.mark.asyncio
async def test_pytest_asyncio(deferred_tasks):
    afterword.wait_until(send_receipt())
    await deferred_tasks.drain()
    assert deferred_tasks["send_receipt"].completed == 1

@pytest.mark.afterword_kill
@pytest.mark.anyio
async def test_anyio(deferred_tasks):
    afterword.wait_until(send_receipt())
    await deferred_tasks.drain()
    assert deferred_tasks["send_receipt"].completed == 1

@pytest.mark.afterword_kill
def test_plain_asyncio(deferred_tasks):
    async def main():
        afterword.wait_until(send_receipt())
        await deferred_tasks.drain()

    asyncio.run(main())
    assert deferred_tasks["send_receipt"].completed == 1

def test_what_a_test_leaves_is_not_the_next_ones(deferred_tasks):
    assert deferred_tasks["send_receipt"].scheduled == 0

@pytest.mark.asyncio
async def test_failing(deferred_tasks):
    afterword.wait_until(send_receipt())
    assert deferred_tasks["send_recipt"].completed == 1
"""


def test_it_is_out_of_the_way(pytester: pytest.Pytester) -> None:
    """Unused it imports nothing of Afterword, which does not import it; marked tests run once."""
    pytester.makepyfile(test_unused=UNUSED)
    run = Nested(pytester)
    assert set(run.failures.values()) == {""}, run.output
    assert len(run.failures) == 3


def test_it_works_under_every_runner(pytester: pytest.Pytester) -> None:
    """pytest-asyncio in strict mode, anyio, plain asyncio, killing too; failures show what was."""
    pytester.makepyfile(test_runners=RUNNERS)
    run = Nested(pytester, "--afterword-kill-at-every-await", mode="strict")
    failing = run.failures.pop("test_failing")
    assert set(run.failures.values()) == {""}, run.output
    assert len(run.failures) == 4
    killed = [line.partition(": ")[2] for line in run.summary if "::" in line]
    assert killed == ["killed at 1 suspension point, nothing lost or repeated"] * 3
    assert "where 0 = <no deferred tasks 'send_recipt'; seen: send_receipt 1 in_flight>" in failing


def test_afterword_may_be_imported_before_pytest(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by ``opentelemetry-instrument``; installed from a wheel, pytest knows its files."""
    package = Path(afterword.__file__).parent
    site = pytester.mkdir("site")
    (site / "afterword").symlink_to(package)
    (site / "pytest_afterword.py").symlink_to(package.parent / "pytest_afterword.py")
    installed = site / "afterword-0.1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: afterword\nVersion: 0.1.0\n")
    (installed / "RECORD").write_text("afterword/__init__.py,,\npytest_afterword.py,,\n")
    (installed / "entry_points.txt").write_text("[pytest11]\nafterword = pytest_afterword\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    pytester.makepyfile("def test(deferred_tasks): assert len(deferred_tasks) == 0")
    start = (
        "import sys, afterword, pytest; sys.exit(pytest.main(['-W', 'error', '-p', 'no:asyncio']))"
    )
    result = pytester.run(sys.executable, "-c", start)
    assert result.ret == 0, result.stderr.str()
    result.assert_outcomes(passed=1)
