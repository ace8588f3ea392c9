"""The sidecar dies, stops, stands still, or is there twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from worlds.faults.app_process import IMPORTS
from worlds.faults.fault import BOTH, HTTP, SPOOL, Case, Fault
from worlds.faults.mix import ENDING, FOREVER, WAITING
from worlds.faults.truth import true_now
from worlds.faults.weather import AfterTheCommit
from worlds.faults.world import NO_LEASE, World

DEADLINE_SECONDS: Final = 2.0
STILL_SECONDS: Final = 3.0
"""Beyond the deadline and its grace, and too short to be a stall for which clients give up."""
PATIENCE_SECONDS: Final = 120.0


def kill(world: World) -> Case:
    """Killed three times, while tasks are handed over and end."""
    sidecar = world.start_sidecar()
    app = world.start_app()
    mixed = list(world.mix(*ENDING, *WAITING).items())
    part = -(-len(mixed) // 6)
    parts = [dict(mixed[first : first + part]) for first in range(0, len(mixed), part)]
    for number, each in enumerate(parts):
        app.hand_over(each)
        if number % 2 == 0:
            sidecar.kill()
        else:
            sidecar = world.restart_sidecar()
    if sidecar.process.poll() is not None:
        world.restart_sidecar()
    app.order("release")
    app.flush()
    return Case(world.expected(), held_up_until=true_now())


def die_after_commit(world: World) -> Case:
    """It has stored a request, and dies before it can say so."""
    sidecar = world.start_sidecar()
    strike = AfterTheCommit(sidecar.kill)
    world.proxy.turn(strike)
    app = world.start_app()
    app.hand_over(world.mix(*ENDING, *WAITING))
    app.tell("flush", seconds=PATIENCE_SECONDS)
    world.until(lambda: strike.struck, "a request was stored", sidecar=False)
    world.restart_sidecar()
    assert app.answer(), app.log
    app.order("release")
    app.flush()
    return Case(world.expected(), held_up_until=true_now())


def stops_before_the_app(world: World) -> Case:
    """The pod's sidecar is stopped first; it is back before the application has gone."""
    sidecar = world.start_sidecar()
    app = world.start_app(AFTERWORD_EXIT_TIMEOUT_SECONDS=str(PATIENCE_SECONDS))
    app.hand_over(world.mix(*ENDING, *WAITING, *FOREVER))
    assert sidecar.stop() == 0
    app.order("release")
    app.tell_end()
    world.restart_sidecar()
    assert app.wait() == 0
    return Case(world.expected(), held_up_until=true_now())


def stops_after_the_app(world: World) -> Case:
    """The application ends, then at once the sidecar; its book is read when it is back."""
    sidecar = world.start_sidecar()
    app = world.start_app()
    app.hand_over(world.mix(*ENDING, *WAITING, *FOREVER))
    app.order("release")
    assert app.end() == 0
    assert sidecar.stop() == 0
    world.restart_sidecar()
    return Case(world.expected(), held_up_until=true_now())


def stands_still(world: World) -> Case:
    """The sidecar is frozen past the deadlines; every task ends in time, and waits to be told."""
    sidecar = world.start_sidecar()
    app = world.start_app(**NO_LEASE)
    app.hand_over(world.mix(*WAITING), deadline_seconds=DEADLINE_SECONDS)
    app.flush()
    sidecar.process.send_signal(signal.SIGSTOP)
    os.waitpid(sidecar.process.pid, os.WUNTRACED)
    app.order("release")
    world.pass_time(STILL_SECONDS)
    sidecar.process.send_signal(signal.SIGCONT)
    app.flush()
    return Case(world.expected(), held_up_until=true_now())


def two_on_one_database(world: World) -> Case:
    """A second sidecar on the same book."""
    return _second(world, world.folder / "book.db", world.folder / "other-spool")


def two_on_one_directory(world: World) -> Case:
    """A second sidecar, with a book of its own, on the same spool."""
    return _second(world, world.folder / "other.db", world.spool)


def _second(world: World, database: Path, spool: Path) -> Case:
    """It must end with an error that names what is held; the first must not notice."""
    world.start_sidecar()
    app = world.start_app()
    mixed = list(world.mix(*ENDING, *WAITING).items())
    app.hand_over(dict(mixed[::2]))
    second = subprocess.run(
        [
            *(sys.executable, "-m", "afterword_sidecar", "sidecar"),
            *("--receiver-port", "0", "--operators-port", "0"),
            *("--database", str(database), "--spool", str(spool)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        env={**os.environ, "PYTHONPATH": IMPORTS},
    )
    app.hand_over(dict(mixed[1::2]))
    app.order("release")
    app.flush()
    said = second.stderr
    clear = any(str(held) in said for held in (world.folder / "book.db", world.spool))
    notes = []
    if second.returncode == 0 or not clear or "sidecar" not in said or "Traceback" in said:
        notes.append(f"the second sidecar ended {second.returncode} and said: {said}")
    return Case(world.expected(), tuple(notes))


_AS_IT_ENDED: Final = "each as it ended, once, and no alarm"

ROWS = (
    Fault(
        name="kill -9 of the sidecar",
        modes=(20,),
        deliveries=BOTH,
        does="three times, tasks being handed over and ending meanwhile",
        expects=_AS_IT_ENDED,
        run=kill,
    ),
    Fault(
        name="sidecar dies after its commit",
        modes=(20,),
        deliveries=HTTP,
        does="SIGKILL between a commit and its answer; the client sends the same again",
        expects=_AS_IT_ENDED,
        run=die_after_commit,
    ),
    Fault(
        name="sidecar stopped before its app",
        modes=(20,),
        deliveries=BOTH,
        does="SIGTERM to the sidecar of a pod, then the application ends; the sidecar is back",
        expects="each as it ended; what `asyncio.run` cancelled `dropped`/`shutdown`",
        run=stops_before_the_app,
    ),
    Fault(
        name="sidecar stopped after its app",
        modes=(20,),
        deliveries=BOTH,
        does="the application ends, and at once the sidecar; the book is read at its next start",
        expects="the same",
        run=stops_after_the_app,
    ),
    Fault(
        name="sidecar stands still",
        modes=(20,),
        deliveries=BOTH,
        does="SIGSTOP of the sidecar until all deadlines are over, then SIGCONT",
        expects=_AS_IT_ENDED,
        run=stands_still,
    ),
    Fault(
        name="two sidecars on one database",
        modes=(20,),
        deliveries=BOTH,
        does="a second sidecar is started on the book of the first",
        expects="the second ends with an error that names the file; the first goes on, each as "
        "it ended",
        run=two_on_one_database,
    ),
    Fault(
        name="two sidecars on one spool",
        modes=(20,),
        deliveries=SPOOL,
        does="a second sidecar with a book of its own is started on the directory of the first",
        expects="the same of the directory",
        run=two_on_one_directory,
    ),
)
