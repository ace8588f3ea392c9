"""A program under test: a real process that is told what to do line by line."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from worlds.faults.mix import Mix
from worlds.faults.truth import true_now

TESTS: Final = Path(__file__).parents[2]
IMPORTS: Final = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
"""Where the processes of a row find its programs."""
PATIENCE_SECONDS: Final = 120.0
FLUSH_SECONDS: Final = 100.0
"""Longer than an attempt that a half-open connection holds up, and the next, on any machine."""


class AppProcess:
    """``apps/{program}.py``. What it says on standard error goes to a file beside the truth."""

    def __init__(self, program: str, log: Path, environment: Mapping[str, str]) -> None:
        self._log = log
        with log.open("ab") as stderr:
            self.process: Final = subprocess.Popen(
                [sys.executable, "-m", f"worlds.faults.apps.{program}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=TESTS,
                env={**os.environ, **environment},
            )
        self.ended_at: float | None = None
        """When it was made to end, or else seen to be gone, Unix seconds, true time."""
        self._read = b""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def log(self) -> str:
        """What it and its children have said on standard error."""
        return self._log.read_text()

    def order(self, do: str, **order: Any) -> Any:
        """Tell it to do something; its answer."""
        self.tell(do, **order)
        return self.answer()

    def tell(self, do: str, **order: Any) -> None:
        """Tell it to do something, and wait for nothing."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **order}).encode() + b"\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        """Its next answer. Raises ``AssertionError`` with what it said if none comes."""
        assert self.process.stdout is not None
        end = time.monotonic() + PATIENCE_SECONDS
        while b"\n" not in self._read:
            left = max(0.0, end - time.monotonic())
            ready, _, _ = select.select([self.process.stdout], [], [], left)
            more = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            assert more, f"the application did not answer:\n{self.log}"
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        return json.loads(line)

    def hand_over(self, mix: Mix, **how: Any) -> None:
        """Hand these over; returns when those that end by themselves have ended."""
        self.order("hand_over", mix=mix, **how)

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """See all that it has told so far delivered."""
        assert self.order("flush", seconds=seconds), f"not delivered:\n{self.log}"

    def freeze(self) -> None:
        """Take its processor away; returns when it stands still."""
        self.process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

    def thaw(self) -> None:
        """Give it back."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self.ended_at = true_now()
        self.process.kill()
        self._gone()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.ended_at = true_now()
        self.process.send_signal(signal.SIGTERM)
        return self._gone()

    def die(self, by: str) -> int:
        """Tell it to end at once; its exit code."""
        self.ended_at = true_now()
        self.tell(by)
        return self._gone()

    def end(self) -> int:
        """Its orders are over: it ends by itself; its exit code."""
        self.tell_end()
        return self._gone()

    def tell_end(self) -> None:
        """Its orders are over; nothing is waited for."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return self._gone()

    def _gone(self) -> int:
        code = self.process.wait(PATIENCE_SECONDS)
        if self.ended_at is None:
            self.ended_at = true_now()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def clear(self) -> None:
        """Nothing is left of it."""
        if self.process.poll() is None:
            self.kill()
