"""What importing and using the light path does not do."""

import subprocess
import sys
import textwrap

import pytest

_HEAVY = [
    "opentelemetry.sdk", "http.client", "urllib.request", "ssl", "aiohttp", "requests", "msgspec",
    "pydantic", "dataclasses", "importlib.metadata",
]  # fmt: skip
_LIGHT = """
    import asyncio, sys
    for name in {heavy}:
        sys.modules[name] = None  # importing it raises
    def no(*_): raise AssertionError("done at import")
    import os, random, threading, time
    forbidden = os.urandom, threading.Thread.start, time.time, time.monotonic, os.fork
    os.urandom = threading.Thread.start = os.fork = no
    import afterword
    os.urandom, threading.Thread.start, *_ , os.fork = forbidden
    assert "opentelemetry.trace" not in sys.modules
    async def work(): return 7
    async def main(): assert await afterword.wait_until(work()) == 7
    asyncio.run(main())
    assert afterword.flush(1)
    assert not [name for name, module in sys.modules.items()
                if name.startswith("opentelemetry") and module is not None]
    assert threading.active_count() == 1
"""


@pytest.mark.parametrize("spool", [False, True], ids=["no delivery", "spool"])
def test_the_light_path_stays_light(tmp_path: object, *, spool: bool) -> None:
    """No SDK, no HTTP stack, no OpenTelemetry at all; no randomness and no thread at import.

    The modules are blocked, so that importing any of them would fail.
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_LIGHT.format(heavy=_HEAVY))],
        env={"AFTERWORD_SPOOL": str(tmp_path)} if spool else {},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_task_may_be_handed_over_while_a_module_is_imported() -> None:
    """Nothing of ours waits for an import that another thread, or this one, is in the middle of."""
    code = """
    import sys, types
    half_imported = types.ModuleType("opentelemetry.trace")
    sys.modules["opentelemetry.trace"] = half_imported
    import asyncio, afterword
    from afterword import internal_errors
    internal_errors.re_raise = True
    async def work(): return 7
    async def main(): assert await afterword.wait_until(work()) == 7
    asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
