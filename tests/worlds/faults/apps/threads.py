"""Several threads, each with a loop of its own, and one with none, all in one process."""

import asyncio
import json
import os
import sys
import threading
from typing import Any, Final

import afterword
from worlds.faults.apps.plain import FLUSH_SECONDS, App
from worlds.faults.book import name_of
from worlds.faults.truth import TruthLog

LOOPS: Final = 4


def on_a_loop(truth: TruthLog, mix: dict[str, str]) -> None:
    """Hand these over on a loop of this thread's; those that wait are released."""

    async def both() -> None:
        app = App(truth)
        await app.do_hand_over({"mix": mix})
        await app.do_release({})

    asyncio.run(both())


def nowhere(truth: TruthLog, mix: dict[str, str]) -> None:
    """Hand these over in a thread that has no loop: nothing can ever run them."""
    app = App(truth)
    for text, kind in mix.items():
        number = int(text)
        truth.hand_over(number, kind=kind)
        afterword.wait_until(
            app.work(number, kind), name=name_of(number), payload={"number": number}
        )


def main() -> None:
    """One order: a mix, dealt among the threads, all of which run at once."""
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    mix: dict[str, str] = order["mix"]
    truth = TruthLog(os.environ["FAULTS_TRUTH"])
    stray = {text: kind for text, kind in mix.items() if kind == "nowhere"}
    rest = [text for text in mix if text not in stray]
    shares = [{text: mix[text] for text in rest[first::LOOPS]} for first in range(LOOPS)]
    threads = [threading.Thread(target=on_a_loop, args=(truth, share)) for share in shares]
    threads.append(threading.Thread(target=nowhere, args=(truth, stray)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(afterword.flush(FLUSH_SECONDS)) + "\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    main()
