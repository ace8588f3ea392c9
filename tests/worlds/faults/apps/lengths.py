"""Tasks that take from a tenth of a millisecond to seconds, and complete."""

import asyncio
import random
from typing import Any

import afterword
from worlds.faults.apps.plain import App, main
from worlds.faults.book import name_of


class Lengths(App):
    """Each order hands over tasks of many lengths, and is answered when all have ended."""

    async def last(self, number: int, seconds: float) -> None:
        """Take so long."""
        with self.truth.of(number):
            await asyncio.sleep(seconds)

    async def do_hand_over(self, order: dict[str, Any]) -> int:
        """So many; their lengths are spread evenly over the orders of magnitude, ends included."""
        tasks = order["tasks"]
        shortest, longest = order["between"]
        lengths = [shortest * (longest / shortest) ** (each / (tasks - 1)) for each in range(tasks)]
        random.Random(order["seed"]).shuffle(lengths)
        waiting = []
        for number, seconds in enumerate(lengths, start=1):
            self.truth.hand_over(number, seconds=seconds)
            work = self.last(number, seconds)
            waiting.append(
                afterword.wait_until(work, name=name_of(number), payload={"number": number})
            )
        await asyncio.gather(*(future for future in waiting if future is not None))
        return len(waiting)


if __name__ == "__main__":
    asyncio.run(main(Lengths))
