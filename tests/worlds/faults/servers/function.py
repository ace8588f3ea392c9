"""One function on Vercel's production runtime, in the environment that has it."""

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from worlds.faults import truth
from worlds.faults.apps import __file__ as apps
from worlds.faults.needs import CannotRunError
from worlds.faults.servers.served import Served
from worlds.faults.world import World
from worlds.vercel_platform import VercelPlatform

_ELSEWHERE: Final = Path(__file__).parents[4] / ".venv-vercel" / "bin" / "python"
DURATION_SECONDS: Final = 600.0
"""Longer than a row may take on a machine under load, where a row does not say otherwise."""


def interpreter() -> Path:
    """The Python that has Vercel's runtime: this one, or the one that ``make vercel`` has set up.

    Raises ``CannotRunError`` where neither has it.
    """
    if find_spec("vercel_runtime") is not None:
        return Path(sys.executable)
    if not _ELSEWHERE.exists():
        raise CannotRunError("Vercel's production runtime is not here: make vercel sets it up")
    return _ELSEWHERE


class Function(Served):
    """An instance, gone when the row is over."""

    def __init__(self, world: World, variable: str = "app", **environment: str) -> None:
        super().__init__(world)
        folder = world.folder / "instance"
        folder.mkdir()
        self.platform: Final = VercelPlatform(
            folder,
            Path(apps).with_name("web_vercel.py"),
            variable,
            python=interpreter(),
            **{**self.environment, **environment},
        )
        world.cleared(self.platform.kill)
        self._invocations = 0

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self.platform.log

    def invoke(
        self, mix: Mapping[int, str], *, seconds: float = DURATION_SECONDS, then: str = ""
    ) -> str:
        """An invocation that hands these over; its id. The response is there, the drain goes on."""
        self.ordered(mix)
        self._invocations += 1
        invocation = str(self._invocations)
        path = f"/?then={then}" if then else "/"
        order = {str(number): each for number, each in mix.items()}
        self.platform.invoke(path, invocation=invocation, seconds=seconds, order=order)
        return invocation

    def kill(self) -> float:
        """SIGKILL; when that was, Unix seconds, true time."""
        at = truth.true_now()
        self.platform.process.kill()
        self.platform.killed()
        return at

    def freeze(self) -> None:
        """Take its processor away; returns when it stands still."""
        self.platform.freeze()
        _, status = os.waitpid(self.platform.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

    def refuses(self) -> bool:
        """Whether it takes no more requests."""
        with suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.platform.port)).close()
            return False
        return True
