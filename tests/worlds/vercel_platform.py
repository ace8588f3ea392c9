"""Vercel's platform around its own production runtime: starts, invokes, freezes, thaws and kills.

The runtime is the real one, a process started as the platform starts it: its messages come over a
Unix socket, its entry point is in environment variables, and each request carries an invocation id
and a deadline in headers. Only what the platform does is done here.
"""

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

PATIENCE_SECONDS: Final = 120.0
DURATION_SECONDS: Final = 30.0
"""An invocation's maximum duration, where a test does not say otherwise."""


class Response(NamedTuple):
    """What the client got."""

    status: int
    body: str


class VercelPlatform:
    """One instance of a function: a file, and the name of the application in it.

    ``through`` is a command that runs another: ``opentelemetry-instrument``. ``python`` has the
    runtime: it need not be the one that runs this.
    """

    def __init__(
        self,
        folder: Path,
        entry: Path,
        variable: str = "app",
        *,
        through: Sequence[str] = (),
        python: str | Path = sys.executable,
        **environment: str,
    ) -> None:
        self.messages: Final[list[dict[str, Any]]] = []
        self._changed: Final = threading.Condition()
        self._over = False
        self._killers: Final[list[threading.Timer]] = []
        path = str(folder / "ipc.sock")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            listener.settimeout(PATIENCE_SECONDS)
            self.process: Final = subprocess.Popen(
                # As the platform's own entry file does.
                [*through, str(python), "-c", "from vercel_runtime.vc_init import vc_handler"],
                env=_environment(entry, variable, path) | environment,
                cwd=entry.parent,
            )
            self._connection, _ = listener.accept()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            started = self.message("server-started")
        except AssertionError:
            self.kill()
            raise
        self.port: Final = int(started["payload"]["httpPort"])

    def invoke(
        self,
        path: str = "/",
        *,
        invocation: str = "1",
        seconds: float = DURATION_SECONDS,
        order: Mapping[str, object] | None = None,
    ) -> Response:
        """Send a request, a POST if it is an order; the response. Its deadline comes by itself."""
        deadline = datetime.fromtimestamp(time.time() + seconds, UTC)
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        client.request(
            "GET" if order is None else "POST",
            path,
            None if order is None else json.dumps(order),
            headers={
                "content-type": "application/json",
                "x-vercel-internal-invocation-id": invocation,
                "x-vercel-internal-request-id": "1",
                "x-vercel-internal-deadline": deadline.isoformat(timespec="milliseconds"),
                "x-vercel-id": f"fra1::{invocation}",
                "connection": "close",
            },
        )
        with client.getresponse() as response:
            body = response.read().decode()
        client.close()
        return Response(response.status, body)

    def kill_in(self, seconds: float) -> None:
        """Kill the instance then, as the platform does at a deadline; see ``killed``."""
        killer = threading.Timer(seconds, self.process.kill)
        self._killers.append(killer)
        killer.start()

    def killed(self) -> None:
        """Returns when it was."""
        assert self.process.wait(PATIENCE_SECONDS) == -signal.SIGKILL

    def freeze(self) -> None:
        """Take its processor away, as the platform may after the last ``end``."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Give it back."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and nothing is left of it."""
        for killer in self._killers:
            killer.cancel()
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        self._connection.close()

    def ended(self, invocation: str = "1") -> dict[str, Any]:
        """The message that an invocation's drain is over, once it has come."""
        return self.message("end", lambda payload: payload["context"]["invocationId"] == invocation)

    def logged(self, text: str) -> str:
        """The first log message that contains ``text``, once there is one."""
        found = self.message("log", lambda payload: text in payload["message"])
        return str(found["payload"]["message"])

    def message(
        self, kind: str, matches: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any]:
        """The first message of this kind that matches, once it has come."""

        def found() -> dict[str, Any] | None:
            for message in list(self.messages):
                if message["type"] == kind and matches(message["payload"]):
                    return message
            return None

        with self._changed:
            self._changed.wait_for(lambda: found() or self._over, PATIENCE_SECONDS)
        message = found()
        assert message is not None, f"no {kind} message came, but these:\n{self.log}"
        return message

    @property
    def log(self) -> str:
        """Every message so far, a line each."""
        return "\n".join(
            f"{each['at']:.3f} {each['type']} {each['payload']}" for each in self.messages
        )

    def _read(self) -> None:
        waiting = b""
        while received := self._connection.recv(65536):
            *whole, waiting = (waiting + received).split(b"\0")
            with self._changed:
                for each in whole:
                    self.messages.append(_readable(json.loads(each)))
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


Instance = Callable[..., VercelPlatform]
"""Starts a function: its file, the application's name in it, environment variables."""


def _environment(entry: Path, variable: str, path: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AFTERWORD_")},
        "VERCEL_IPC_PATH": path,
        "__VC_HANDLER_ENTRYPOINT": entry.name,
        "__VC_HANDLER_ENTRYPOINT_ABS": str(entry),
        "__VC_HANDLER_MODULE_NAME": entry.stem,
        "__VC_HANDLER_VARIABLE_NAME": variable,
        "VERCEL": "1",
        "OTEL_SERVICE_NAME": "shop",
    }


def _readable(message: dict[str, Any]) -> dict[str, Any]:
    """The message with its log text decoded, and when it came."""
    message["at"] = time.monotonic()
    if message["type"] == "log":
        text = base64.b64decode(message["payload"]["message"]).decode()
        message["payload"]["message"] = text
    return message
