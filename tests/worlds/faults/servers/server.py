"""One server under test: a real one, on a port of its own, asked by a client in this process."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from worlds.faults import truth
from worlds.faults.mix import FOREVER, WAITING
from worlds.faults.world import World

PATIENCE_SECONDS: Final = 30.0
_PORT: Final = re.compile(r"127\.0\.0\.1:(\d+) \(port auto-assigned\)")
_RUNS_NOW: Final = (*FOREVER, *WAITING, "block")


class Server:
    """``command`` with ``{fd}`` replaced; it and all its workers are gone when the row is over."""

    def __init__(self, world: World, command: Sequence[str], **environment: str) -> None:
        self._world: Final = world
        self._release: int | None = _release_of(world)
        self._kinds: Final[dict[int, str]] = {}
        self._log: Final = world.folder / "server.log"
        self._socket: Final = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._socket.getsockname()[1]
        fd = self._socket.fileno()
        with self._log.open("ab") as log:
            self.process: Final = subprocess.Popen(
                [word.format(fd=fd) for word in command],
                stdout=log,
                stderr=log,
                pass_fds=[fd],
                start_new_session=True,
                env={
                    **os.environ,
                    **world.environment(),
                    "AFTERWORD_CAPTURE": "1",
                    "AFTERWORD_ASYNCIO_TASKS": "*task_*",
                    "FAULTS_RELEASE": str(world.folder / "release"),
                    **environment,
                },
            )
        world.cleared(self._clear)
        if "{fd}" not in command and not any("{fd}" in word for word in command):
            world.until(lambda: _PORT.search(self.log) is not None, "the server listens")
            self._port = int(_PORT.findall(self.log)[0])

    @property
    def log(self) -> str:
        """What it and its workers have said so far."""
        return self._log.read_text(errors="replace")

    # ---- requests -----------------------------------------------------------------------------

    def hand_over(self, mix: Mapping[int, str], *, then: str = "") -> int:
        """Have these handed over by one request, in this order; the worker's process id."""
        connection = self.connection()
        try:
            return self.ask(connection, mix, then=then)
        finally:
            connection.close()

    def hand_over_each(self, mix: Mapping[int, str]) -> None:
        """The same by a request each: a background task that hangs holds up those behind it."""
        for number, order in mix.items():
            self.hand_over({number: order})

    def ask(
        self, connection: http.client.HTTPConnection, mix: Mapping[int, str], *, then: str = ""
    ) -> int:
        """By a connection that is kept, and so by the worker that has it."""
        self._kinds.update((number, order.split(" ")[1]) for number, order in mix.items())
        path = f"/hand_over?then={then}" if then else "/hand_over"
        connection.request("POST", path, json.dumps(mix))
        with connection.getresponse() as response:
            told = response.read().decode()
        return int(told) if told.isdecimal() else 0

    def connection(self) -> http.client.HTTPConnection:
        """A connection that is kept open until it is closed."""
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)

    def under_way(self) -> None:
        """Return when what ends by itself has ended, and all else that may run runs."""

        def is_under_way() -> bool:
            told = truth.read(self._world.truth_path)
            return all(
                bool(told[number].how) or (kind in _RUNS_NOW and told[number].began_at is not None)
                for number, kind in self._kinds.items()
            )

        self._world.until(is_under_way, f"all tasks are under way\n{self.log}")

    def ended(self, numbers: Iterable[int]) -> None:
        """Return when these tasks have ended by their own account."""
        wanted = set(numbers)

        def have_ended() -> bool:
            told = truth.read(self._world.truth_path)
            return all(number in told and told[number].how for number in wanted)

        self._world.until(have_ended, f"the tasks have ended\n{self.log}")

    def known(self) -> None:
        """Return when the book has all that was told so far: nothing is lost with a process."""

        def is_known() -> bool:
            book = self._world.book()
            told = truth.read(self._world.truth_path)
            return all(
                number in book and bool(book[number].settled) == bool(each.how)
                for number, each in told.items()
            )

        self._world.until(is_known, f"the book knows all so far\n{self.log}")

    def workers(self) -> list[int]:
        """The process ids of those that have handed tasks over."""
        return sorted({each.pid for each in truth.read(self._world.truth_path).values()})

    def tasks_of_others(self, pid: int) -> list[int]:
        """The numbers of what another process than this one has handed over."""
        told = truth.read(self._world.truth_path)
        return [number for number, each in told.items() if each.pid != pid]

    # ---- faults -------------------------------------------------------------------------------

    def release(self) -> None:
        """What waits may go on."""
        if self._release is not None:
            os.close(self._release)
            self._release = None

    def send(self, number: signal.Signals) -> None:
        """A signal to the process that was started: a master of workers passes it on."""
        self.process.send_signal(number)

    def kill(self, pid: int) -> float:
        """SIGKILL of a worker; when that was, Unix seconds, true time."""
        at = truth.true_now()
        os.kill(pid, signal.SIGKILL)
        return at

    def says(self, text: str, times: int = 1) -> None:
        """Return when its log has this."""
        self._world.until(
            lambda: self.log.count(text) >= times, f"the server says {text!r}\n{self.log}"
        )

    def stops_listening(self, pid: int) -> None:
        """Return when this worker has closed its socket: its stop has begun."""
        inode = os.fstat(self._socket.fileno()).st_ino

        def has_closed() -> bool:
            with suppress(FileNotFoundError):  # closed, or ended, between two looks
                links = [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()]
                return Path(f"socket:[{inode}]") not in links
            return False

        self._world.until(has_closed, f"worker {pid} has closed its socket\n{self.log}")

    def without(self, pids: Iterable[int]) -> None:
        """Return when these workers are gone: reaped by their master."""
        wanted = list(pids)

        def are_gone() -> bool:
            return not any(Path(f"/proc/{pid}").exists() for pid in wanted)

        self._world.until(are_gone, f"the workers {wanted} have ended\n{self.log}")

    def gone(self) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(PATIENCE_SECONDS)

    def _clear(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)
        self._socket.close()
        self.release()


def _release_of(world: World) -> int:
    """The row's end of the pipe that holds waiting tasks back."""
    path: Path = world.folder / "release"
    os.mkfifo(path)
    return os.open(path, os.O_RDWR)
