"""An application with tasks that never end: real instrumentation, made to be killed.

Spools where ``AFTERWORD_SPOOL`` says; its argument is how many tasks it hands over. Prints a line
when their openings are written.
"""

import asyncio
import sys

import afterword


async def never() -> None:
    await asyncio.Event().wait()


async def main(tasks: int) -> None:
    for _ in range(tasks):
        afterword.wait_until(never())
    await asyncio.sleep(0)  # the tasks take their first step, and say so
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
