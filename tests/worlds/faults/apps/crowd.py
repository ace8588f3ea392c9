"""Very many tasks: all of one name, told apart by their payloads, or named after their kinds."""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import afterword
from worlds.faults.apps.plain import App, main
from worlds.faults.mix import WAITING
from worlds.faults.truth import TruthLog

CROWD: Final = "crowd"
AT_ONCE: Final = 1000


class Crowd(App):
    """Its truth is synced before a thousand tasks are handed over, and when all have ended."""

    def __init__(self, truth: TruthLog) -> None:
        super().__init__(truth)
        truth.eager = False

    async def stand(self, number: int) -> str:
        """Wait to be released; every tenth task for ever."""
        await (self._never if number % 10 == 0 else self.released).wait()
        self.truth.write("ended", number, how="returned", error="")
        return CROWD

    def _in_parts(self, numbers: Iterable[int]) -> Iterator[list[int]]:
        """A thousand at a time, each time when the truth says that they are handed over."""
        rest = iter(numbers)
        while part := list(islice(rest, AT_ONCE)):
            self.truth.write_all(("handed_over", number, {}) for number in part)
            self.truth.sync()
            yield part

    async def do_crowd(self, order: dict[str, Any]) -> None:
        """Hand over so many."""
        for part in self._in_parts(range(1, order["tasks"] + 1)):
            for number in part:
                future = afterword.wait_until(
                    self.stand(number), name=CROWD, payload={"number": number}
                )
                if number % 10 and future is not None:
                    self._waiting.append(future)
            await asyncio.sleep(0)  # they begin

    async def do_alike(self, order: dict[str, Any]) -> None:
        """All of a mix, each named after its kind; answers when those that end have ended."""
        kinds = {int(text): kind for text, kind in order["mix"].items()}
        ending: list[asyncio.Future[str]] = []
        for part in self._in_parts(kinds):
            for number in part:
                kind = kinds[number]
                future = afterword.wait_until(
                    self.work(number, kind), name=kind, payload={"number": number}
                )
                assert future is not None
                (self._waiting if kind in WAITING else ending).append(future)
        await asyncio.gather(*ending, return_exceptions=True)
        self.truth.sync()

    async def do_release(self, order: dict[str, Any]) -> None:
        """All that wait; answers when their ends are on the disk."""
        await super().do_release(order)
        self.truth.sync()


if __name__ == "__main__":
    asyncio.run(main(Crowd))
