"""A real web application under a real server, on a socket that the test made."""

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Final, Self
from urllib.request import urlopen

PATIENCE_SECONDS: Final = 20.0


class ServedApp:
    """``command`` with ``{fd}`` replaced by a listening socket's descriptor; killed at the end."""

    def __init__(self, folder: Path, source: str, *command: str, **environment: str) -> None:
        (folder / "shop.py").write_text(source)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._log = (folder / "server.log").open("w+")
        descriptor = self._socket.fileno()
        self.process = subprocess.Popen(
            [word.format(fd=descriptor) for word in command],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            pass_fds=[descriptor],
            start_new_session=True,
            env={**os.environ, "OTEL_SERVICE_NAME": "shop", **environment},
        )

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return Path(self._log.name).read_text()

    def get(self, path: str) -> str:
        """The body of an answer that must be 200. Waits for the server to come up."""
        host, port = self._socket.getsockname()
        with urlopen(f"http://{host}:{port}{path}", timeout=PATIENCE_SECONDS) as response:
            body: str = response.read().decode()
            return body

    def terminate(self) -> None:
        """SIGTERM to the process that was started: a master of workers passes it on."""
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        """Of the process once it has ended."""
        try:
            return self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server did not stop:\n{self.log}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE_SECONDS)
        self._log.close()
        self._socket.close()
