"""Child processes: started in a group of their own, their output in a file, always stopped."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_POLL_SECONDS = 0.02


class StartError(Exception):
    """A server did not come up; the message ends with what it said."""


class Server:
    """One child process with its own children. A context manager: leaving it stops them all."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is the demo's to handle
            )

    def wait_for(self, pattern: str, *, seconds: float = 60.0) -> re.Match[str]:
        """Wait until the output matches. Raises ``StartError`` if it does not in time."""
        give_up_at = time.monotonic() + seconds
        while True:
            ended = self._process.poll() is not None
            found = re.search(pattern, self._output())
            if found:
                return found
            if ended or time.monotonic() > give_up_at:
                state = f"ended with {self._process.returncode}" if ended else "is not ready"
                last_words = "\n".join(self._output().splitlines()[-15:])
                raise StartError(f"{self.name} {state}; its output ({self.log}):\n{last_words}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """SIGTERM, and after five seconds SIGKILL; its children go with it. Idempotent."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5.0)
            except subprocess.TimeoutExpired:
                self._signal_group(signal.SIGKILL)
                self._process.wait()
        self._signal_group(signal.SIGKILL)  # children that outlived their parent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _signal_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    def _output(self) -> str:
        return self.log.read_text(errors="replace")
