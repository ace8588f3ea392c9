"""Tasks that nobody holds: a bare ``create_task``, watched by its name, and futures handed over."""

import asyncio
import gc
from types import CoroutineType
from typing import Any

import afterword
from worlds.faults.apps.plain import App, main
from worlds.faults.book import name_of


class Forgetful(App):
    """It keeps nothing of what it starts."""

    async def stray(self, number: int) -> None:
        """Waits for what nobody can ever resolve, as nobody else holds it."""
        with self.truth.of(number):
            await asyncio.get_running_loop().create_future()

    async def do_start(self, order: dict[str, Any]) -> None:
        """Start all of a mix of ``task`` and ``future``, and forget them."""
        for text, kind in order["mix"].items():
            number = int(text)
            self.truth.hand_over(number, kind=kind)
            if kind == "task":
                work = self.stray(number)
                assert isinstance(work, CoroutineType)
                work.__qualname__ = name_of(number)
                asyncio.create_task(work)  # noqa: RUF006 - the fault
            else:
                afterword.wait_until(
                    asyncio.get_running_loop().create_future(),
                    name=name_of(number),
                    payload={"number": number},
                )
        await asyncio.sleep(0)  # they begin

    async def do_collect(self, _: dict[str, Any]) -> None:
        """What nobody holds goes."""
        gc.collect()


if __name__ == "__main__":
    afterword.instrument("asyncio")
    asyncio.run(main(Forgetful))
