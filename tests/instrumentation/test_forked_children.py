"""Processes of ``multiprocessing``: what they tell at the last moment arrives, however they end."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from afterword import names
from worlds.scripted_sidecar import ScriptedSidecar, attributes
from worlds.sidecar_process import PATIENCE_SECONDS, PATIENT_EXIT

_PROGRAM = """
    import asyncio
    import multiprocessing
    import sys
    import afterword

    async def quick(): pass
    async def hanging(): await asyncio.Event().wait()

    async def main():
        afterword.wait_until(hanging())
        await afterword.wait_until(quick())

    def work():
        asyncio.new_event_loop().run_until_complete(main())

    if __name__ == "__main__":
        child = multiprocessing.get_context(sys.argv[1]).Process(target=work)
        child.start()
        child.join()
        sys.exit(child.exitcode)
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_child_delivers_before_it_ends(tmp_path: Path, method: str) -> None:
    """By ``os._exit``, unless it was spawned: what completed, what is pending, and one goodbye."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(_PROGRAM))
    with ScriptedSidecar() as sidecar:
        done = subprocess.run(
            [sys.executable, str(program), method],
            env={
                **os.environ,
                "AFTERWORD_ENDPOINT": sidecar.endpoint,
                "AFTERWORD_LEASE_SECONDS": "0",  # no beats among what is told
                **PATIENT_EXIT,
            },
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        records = [each for request in sidecar.requests for each in request.records]
    assert done.returncode == 0, done.stderr
    told = [attributes(each) for each in records]
    events = [each["eventName"] for each in records]
    states = [each[names.STATE] for each in told if names.STATE in each]
    outcomes = {each[names.NAME]: each[names.OUTCOME] for each in told if names.OUTCOME in each}
    assert outcomes == {"quick": "completed"}
    assert events.count(names.EVENT_PENDING) == 1
    assert states == [names.INSTANCE_UP, names.INSTANCE_DOWN]
    assert (told[-1][names.SCHEDULED_TOTAL], told[-1][names.SETTLED_TOTAL]) == ("2", "1")
