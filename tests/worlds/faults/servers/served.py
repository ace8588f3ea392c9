"""What runs a row's tasks, and what can be waited for of them, by their own account."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from worlds.faults import truth
from worlds.faults.mix import FOREVER, WAITING
from worlds.faults.world import World

_RUNS_NOW: Final = (*FOREVER, *WAITING, "block", "stall")


class Served(ABC):
    """The tasks of one application, wherever it is served."""

    def __init__(self, world: World) -> None:
        self._world: Final = world
        self._kinds: Final[dict[int, str]] = {}
        self._pipe: Final[Path] = world.folder / "release"
        os.mkfifo(self._pipe)
        self._release: int | None = os.open(self._pipe, os.O_RDWR)
        world.cleared(self.release)

    @property
    @abstractmethod
    def log(self) -> str:
        """What it has said so far."""

    @property
    def environment(self) -> dict[str, str]:
        """What the application is started with."""
        return {
            **self._world.environment(),
            "AFTERWORD_CAPTURE": "1",
            "AFTERWORD_ASYNCIO_TASKS": "task_*",
            "FAULTS_RELEASE": str(self._pipe),
        }

    def ordered(self, mix: Mapping[int, str]) -> None:
        """These are about to be handed over: ``"<handed over by> <kind>"``."""
        self._kinds.update((number, order.split(" ")[1]) for number, order in mix.items())

    def release(self) -> None:
        """What waits may go on."""
        if self._release is not None:
            os.close(self._release)
            self._release = None

    def under_way(self) -> None:
        """Return when what ends by itself has ended, and all else that may run runs."""

        def is_under_way() -> bool:
            told = truth.read(self._world.truth_path)
            return all(
                bool(told[number].how) or (kind in _RUNS_NOW and told[number].began_at is not None)
                for number, kind in self._kinds.items()
            )

        self._world.until(is_under_way, f"all tasks are under way\n{self.log}")

    def began(self, numbers: Iterable[int]) -> None:
        """Return when these tasks have begun."""
        wanted = set(numbers)

        def have_begun() -> bool:
            told = truth.read(self._world.truth_path)
            return all(number in told and told[number].began_at for number in wanted)

        self._world.until(have_begun, f"the tasks have begun\n{self.log}")

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
                number in book and (bool(book[number].settled) or not each.how)
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
