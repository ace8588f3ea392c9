"""Rows, run: from an empty folder to a judgement, several at once, as most of a row is waiting."""

import tempfile
import traceback
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from worlds.faults.fault import Delivery, Fault
from worlds.faults.judge import Judgement
from worlds.faults.needs import CannotRunError
from worlds.faults.world import World


class Run(NamedTuple):
    """One row by one way of delivery."""

    fault: Fault
    delivery: Delivery


class Result(NamedTuple):
    """What came of it."""

    run: Run
    judgement: Judgement
    not_run: str = ""
    """Why this machine cannot run it; there is no judgement then."""

    @property
    def agrees(self) -> bool:
        """Whether it was run, and the book was right."""
        return not self.not_run and self.judgement.agrees


def runs_of(faults: Sequence[Fault], delivery: str = "") -> list[Run]:
    """Every row by every way of delivery that applies, or by this one."""
    return [
        Run(fault, each) for fault in faults for each in fault.deliveries if delivery in {"", each}
    ]


def runs_in_turn(faults: Sequence[Fault]) -> list[Run]:
    """Every row once, by the ways of delivery in turn: a server takes a second to start."""
    return [
        Run(fault, fault.deliveries[index % len(fault.deliveries)])
        for index, fault in enumerate(faults)
    ]


def run_all(
    runs: Sequence[Run], *, tasks: int, seed: int, jobs: int, verified: bool = False
) -> Iterator[Result]:
    """All of them, ``jobs`` at a time, each as soon as it is done.

    ``verified``: every verdict is derived anew from the evidence, too, by ``afterword verify``.
    """
    with ThreadPoolExecutor(jobs) as pool:
        under_way = [pool.submit(_run, run, tasks, seed, verified) for run in runs]
        for done in as_completed(under_way):
            yield done.result()


def _run(run: Run, tasks: int, seed: int, verified: bool) -> Result:  # noqa: FBT001 - passed on
    """In a folder of its own, which is gone afterwards. A row that breaks is a difference."""
    own_seed = zlib.crc32(f"{seed}/{run.fault.name}/{run.delivery}".encode())
    with tempfile.TemporaryDirectory(prefix="afterword-faults-") as folder:
        try:
            with World(Path(folder), run.delivery, tasks, own_seed, verified=verified) as world:
                judged = world.judge(run.fault.run(world))
                if verified and (complaint := world.verify()):
                    judged = replace(judged, differences=(*judged.differences, complaint))
                return Result(run, judged)
        except CannotRunError as error:
            return Result(run, Judgement(0), str(error))
        except Exception:  # noqa: BLE001 - it is shown, and fails the run
            return Result(run, Judgement(tasks, differences=(traceback.format_exc(),)))
