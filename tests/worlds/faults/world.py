"""All that a row acts on: a folder, a sidecar, a proxy before it, and applications."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Final, Self
from urllib.error import HTTPError

from worlds.faults import book, truth
from worlds.faults.app_process import IMPORTS, AppProcess
from worlds.faults.clock import Clock
from worlds.faults.entries import Book, Entry, Wire
from worlds.faults.fault import PATIENCE_SECONDS, PROMISE_SECONDS, Case, Delivery, Expected
from worlds.faults.judge import Judgement, judge
from worlds.faults.mix import Mix, mix
from worlds.faults.proxy import Proxy
from worlds.sidecar_process import PATIENT_EXIT, SidecarProcess

SETTLING_SECONDS: Final = 120.0
"""How long the book may take to come to rest before it is judged as it is."""
VERIFYING_SECONDS: Final = 300.0
LOOK_SECONDS: Final = 0.02
GRACE_SECONDS: Final = 0.3
LONGEST_LIFE_SECONDS: Final = 1.5
"""Of tasks over HTTP whose process makes no promise to speak, in rows where it dies."""
LEASE_SECONDS: Final = 2.0
"""What a process over HTTP promises in rows where it dies. It has to keep the promise until then:
one of a second is broken by a machine that is busy for as long."""
LAPSE_SECONDS: Final = LEASE_SECONDS + GRACE_SECONDS + PATIENCE_SECONDS + PROMISE_SECONDS
"""From the death of such a process to the verdicts: the sidecar may just have started."""
OVERDUE_SECONDS: Final = GRACE_SECONDS + PROMISE_SECONDS
"""From a deadline to the verdict on it."""
NO_LEASE: Final = {"AFTERWORD_LEASE_SECONDS": "0"}
SHORT_LEASE: Final = {"AFTERWORD_LEASE_SECONDS": str(LEASE_SECONDS)}
MOST_TASKS: Final = 20_000


class Sidecar(SidecarProcess):
    """The real sidecar, told that its clients pause for a second at most (``apps/sidecar.py``)."""

    module = "worlds.faults.apps.sidecar"


class World:
    """One run of one row. A context manager."""

    def __init__(
        self, folder: Path, delivery: Delivery, tasks: int, seed: int, *, verified: bool = False
    ) -> None:
        self.folder: Final = folder
        self.delivery: Final = delivery
        self.tasks: Final = tasks
        """N: how many tasks the row is to have."""
        self.seed: Final = seed
        self.verified: Final = verified
        """Whether a journal is kept, from which every verdict is derived anew in the end."""
        self._journal: Final = folder / "journal"
        self._database: Path = folder / "book.db"
        self.truth_path: Final = folder / "truth.jsonl"
        self.proxy: Final = Proxy(seed)
        self.apps: Final[list[AppProcess]] = []
        self.read_book: Callable[[str], Book] = book.read
        """How the book is read: by its tasks' names, where a row does not say otherwise."""
        self._sidecar: Sidecar | None = None
        self._flags: tuple[str, ...] = ()
        self._sidecar_environment: dict[str, str] = {}
        self._cleaning: Final = ExitStack()

    @property
    def by_spool(self) -> bool:
        """Whether application and sidecar share a directory."""
        return self.delivery == "spool"

    @property
    def numbers(self) -> range:
        """The tasks' numbers: 1 to N."""
        return range(1, self.tasks + 1)

    @property
    def sidecar(self) -> Sidecar:
        """The sidecar that was started last."""
        assert self._sidecar is not None, "no sidecar was started"
        return self._sidecar

    @property
    def spool(self) -> Path:
        """The directory that both share."""
        return self.folder / "spool"

    def mix(self, *kinds: str) -> Mix:
        """All of the row's tasks, these kinds mixed by the seed."""
        return mix(self.numbers, kinds, self.seed)

    # ---- processes ----------------------------------------------------------------------------

    def start_sidecar(
        self,
        *flags: str,
        grace: float = GRACE_SECONDS,
        longest_life: float = 3600.0,
        clock: Clock | None = None,
        database: Path | None = None,
    ) -> Sidecar:
        """Start it on an empty book; ``database`` where the row has a place of its own for it."""
        self._database = database or self.folder / "book.db"
        judging = ("--grace", f"{grace}s", "--longest-life", f"{longest_life}s")
        room = ("--tasks-per-service", str(MOST_TASKS), "--series-in-all", str(MOST_TASKS))
        journal = ("--journal", str(self._journal)) if self.verified else ()
        self._flags = ("--database", str(self._database), *judging, *room, *journal, *flags)
        self._sidecar_environment = {} if clock is None else clock.environment
        return self.restart_sidecar()

    def restart_sidecar(self) -> Sidecar:
        """Start it again as it was started last."""
        self._sidecar = Sidecar(
            self.folder,
            *self._flags,
            PYTHONPATH=IMPORTS,
            **self._sidecar_environment,
        )
        self.proxy.lead_to(self._sidecar.receiver)
        return self._sidecar

    def environment(self) -> dict[str, str]:
        """What a program under test is started with: how it reports, and where the truth goes."""
        reports = (
            {"AFTERWORD_SPOOL": str(self.spool)}
            if self.by_spool
            else {"AFTERWORD_ENDPOINT": self.proxy.endpoint}
        )
        if self.delivery == "durable":
            reports |= {"AFTERWORD_DURABLE": "1", "AFTERWORD_DURABLE_TIMEOUT_SECONDS": "3600"}
        return {
            **reports,
            **PATIENT_EXIT,
            "OTEL_SERVICE_NAME": book.SERVICE,
            "PYTHONPATH": IMPORTS,
            "FAULTS_TRUTH": str(self.truth_path),
        }

    def start_app(self, program: str = "plain", **environment: str) -> AppProcess:
        """Start a program under test."""
        log = self.folder / "app.log"
        app = AppProcess(program, log, {**self.environment(), **environment})
        self.apps.append(app)
        return app

    # ---- the book -----------------------------------------------------------------------------

    def expected(
        self,
        unended: Callable[[truth.Told], Expected] | None = None,
        *,
        grace_seconds: float = GRACE_SECONDS,
    ) -> dict[int, Expected]:
        """What is expected of each task: its own end, else what ``unended`` says.

        ``grace_seconds``: how long after a deadline nobody may call its task overdue.
        """
        told = truth.read(self.truth_path)
        return truth.expectations(told, unended, grace_seconds=grace_seconds)

    def unready(self) -> str:
        """Why the sidecar takes no evidence; empty if it does."""
        try:
            self.sidecar.get("/readyz")
        except HTTPError as error:
            with error:
                return str(json.load(error)["reasons"][0]["code"])
        return ""

    def handed_over(self) -> int:
        """How many tasks the application has written down as handed over so far."""
        if not self.truth_path.exists():
            return 0
        return self.truth_path.read_text().count('"handed_over"')

    @property
    def wire(self) -> Wire | None:
        """What the sidecar acknowledged; ``None`` by spool."""
        return None if self.by_spool else self.proxy.wire

    def book(self) -> Mapping[int, Entry]:
        """What the sidecar says of every task now."""
        return self.read_book(self.sidecar.operators).entries

    def all_pronounced(self) -> bool:
        """Whether the book knows every task that was handed over, and holds none as in flight."""
        book = self.book()
        return book.keys() >= truth.read(self.truth_path).keys() and not any(
            entry.in_flight for entry in book.values()
        )

    def judge(self, case: Case) -> Judgement:
        """Judge the book once it agrees, or as it is when its time to do so is over."""
        end = time.monotonic() + SETTLING_SECONDS
        while True:
            over = time.monotonic() > end
            try:
                said = replace(
                    self.read_book(self.sidecar.operators),
                    audited=book.audited(self.sidecar.operators),
                )
            except HTTPError:  # its store fails, as far as it knows: it answers when it is mended
                if over:
                    raise
            else:
                wire = self.wire if case.safe is None else Wire(case.safe, case.safe)
                judgement = judge(case, said, wire)
                if judgement.agrees or over:
                    return judgement
            self.pace()

    def verify(self) -> str:
        """Stop the sidecar, and have ``afterword verify`` derive the book anew; its complaint."""
        self.sidecar.stop()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "afterword_sidecar", "verify", str(self._journal)),
                *("--database", str(self._database)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=VERIFYING_SECONDS,
            env={**os.environ, "PYTHONPATH": IMPORTS},
        )
        return "" if done.returncode == 0 else f"afterword verify: {done.stdout}{done.stderr}"

    def until(self, holds: Callable[[], bool], what: str, *, sidecar: bool = True) -> None:
        """Return when it holds. Raises ``AssertionError`` if it does not come to.

        ``sidecar``: its death would be the end of the row.
        """
        end = time.monotonic() + SETTLING_SECONDS
        while not holds():
            assert time.monotonic() < end, f"it did not come to pass that {what}"
            self.pace(sidecar=sidecar)

    def pace(self, *, sidecar: bool = True) -> None:
        """A moment between two looks, ended at once by the sidecar's death."""
        try:
            self.sidecar.process.wait(LOOK_SECONDS)
        except TimeoutExpired:
            return
        if sidecar:
            raise AssertionError(f"the sidecar has ended:\n{self.sidecar.log}")

    def pass_time(self, seconds: float) -> None:
        """Let a fault last for so long; nothing is waited for. The sidecar must live on."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end, "time passes")

    # ---- from beginning to end ----------------------------------------------------------------

    def cleared(self, clear: Callable[[], object]) -> None:
        """Do this when the row is over, last thing first."""
        self._cleaning.callback(clear)

    def cleared_of(self, pid: int) -> None:
        """Do the same of a process that an application left behind."""

        def kill() -> None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

        self.cleared(kill)

    def __enter__(self) -> Self:
        self._cleaning.enter_context(self.proxy)
        return self

    def __exit__(self, *_: object) -> None:
        for app in self.apps:
            app.clear()
        if self._sidecar is not None and self._sidecar.process.poll() is None:
            self._sidecar.kill()
        self._cleaning.close()
