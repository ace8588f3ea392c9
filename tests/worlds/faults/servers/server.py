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
from worlds.faults.servers.served import Served
from worlds.faults.world import World

PATIENCE_SECONDS: Final = 120.0
_READS_A_CHECK: Final = 2
_PORT: Final = re.compile(r"127\.0\.0\.1:(\d+) \(port auto-assigned\)")


class Server(Served):
    """``command`` with ``{fd}`` replaced; it and all its workers are gone when the row is over."""

    def __init__(self, world: World, command: Sequence[str], **environment: str) -> None:
        super().__init__(world)
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
                env={**os.environ, **self.environment, **environment},
            )
        world.cleared(self._clear)
        if not any("{fd}" in word for word in command):
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
        self.ordered(mix)
        path = f"/hand_over?then={then}" if then else "/hand_over"
        connection.request("POST", path, json.dumps(mix))
        with connection.getresponse() as response:
            told = response.read().decode()
        return int(told) if told.isdecimal() else 0

    def connection(self) -> http.client.HTTPConnection:
        """A connection that is kept open until it is closed."""
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)

    # ---- faults -------------------------------------------------------------------------------

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

    def checked_on(self, pid: int, times: int) -> None:
        """Return when uvicorn's master has asked this worker so often whether it is alive."""
        counters = Path(f"/proc/{pid}/io")
        reads = re.compile(r"syscr: (\d+)")  # its loop stands still: only the asking is read
        before = int(reads.findall(counters.read_text())[0])
        self._world.until(
            lambda: int(reads.findall(counters.read_text())[0]) >= before + _READS_A_CHECK * times,
            f"worker {pid} is asked whether it is alive\n{self.log}",
        )

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
