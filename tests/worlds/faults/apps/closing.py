"""A loop that is closed with tasks pending on it, in a process that lives on."""

import asyncio
import json
import os
import sys

import afterword
from worlds.faults.apps.plain import FLUSH_SECONDS, App
from worlds.faults.truth import TruthLog


def main() -> None:
    """One order: a mix. Its tasks begin; then their loop closes, and nobody cancels them."""
    afterword.instrument("shutdown")
    app = App(TruthLog(os.environ["FAULTS_TRUTH"]))
    loop = asyncio.new_event_loop()
    order = json.loads(sys.stdin.readline())
    loop.run_until_complete(app.do_hand_over(order))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    afterword.flush(FLUSH_SECONDS)
    sys.stdout.write("null\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    main()
