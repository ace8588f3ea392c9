"""Tens of thousands of tasks in flight at once, all of one name; their payloads tell them apart."""

import asyncio
from typing import Any, Final

import afterword
from worlds.faults.apps.plain import App, main

CROWD: Final = "crowd"
AT_ONCE: Final = 1000


class Crowd(App):
    """Every tenth task never ends."""

    async def stand(self, number: int) -> str:
        """Wait to be released, or for ever; the end is written down, and synced with all others."""
        await (self._never if number % 10 == 0 else self.released).wait()
        ended = ("ended", number, {"how": "returned", "error": ""})
        self.truth.write_all([ended], sync=False)
        return CROWD

    async def do_crowd(self, order: dict[str, Any]) -> None:
        """Hand over so many, a thousand lines of the truth at a time."""
        for first in range(1, order["tasks"] + 1, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, order["tasks"] + 1))
            self.truth.write_all(("handed_over", number, {}) for number in numbers)
            for number in numbers:
                future = afterword.wait_until(
                    self.stand(number), name=CROWD, payload={"number": number}
                )
                if number % 10 and future is not None:
                    self._waiting.append(future)
            await asyncio.sleep(0)  # they begin

    async def do_release(self, order: dict[str, Any]) -> None:
        """All that wait; answers when their ends are on the disk."""
        await super().do_release(order)
        self.truth.sync()


if __name__ == "__main__":
    asyncio.run(main(Crowd))
