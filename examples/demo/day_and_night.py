"""The shop of the demo, open day and night: customers all the time, and now and then a kill -9.

For a stage that somebody else has set (``compose.yaml``): ``AFTERWORD_SPOOL`` says where evidence
goes, and the truth that the shop writes to ``SHOP_TRUTH_LOG`` is thrown away. Until SIGTERM.
"""

import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path

import httpx

from examples.demo.customers import Customers

PORT = 8000
WORKERS = 3
ORDERS_AT_ONCE = 25
PAUSE_SECONDS = 5.0
ROUNDS_BETWEEN_KILLS = 12
"""About a minute."""


async def main() -> None:
    """Open the shop; close it when told to."""
    truth = Path(os.environ["SHOP_TRUTH_LOG"])
    shop = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "examples.shop.app:app", "--no-access-log"),
        *("--host", "0.0.0.0", "--port", str(PORT), "--workers", str(WORKERS)),
    )
    trade = asyncio.create_task(_trade(truth))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, trade.cancel)
    await asyncio.wait({trade, asyncio.create_task(shop.wait())}, return_when="FIRST_COMPLETED")
    trade.cancel()
    if shop.returncode is None:
        shop.terminate()
    await shop.wait()


async def _trade(truth: Path) -> None:
    customers = Customers(f"http://127.0.0.1:{PORT}", seed=os.getpid())
    rounds = 0
    while True:
        await asyncio.sleep(PAUSE_SECONDS)
        try:
            await customers.send(customers.orders(ORDERS_AT_ONCE, kept_waiting=1), lambda: None)
        except httpx.HTTPError as error:
            print(f"an order was not taken: {type(error).__name__} {error}", flush=True)
        rounds += 1
        if rounds % ROUNDS_BETWEEN_KILLS == 0:
            _kill_a_worker(truth)


def _kill_a_worker(truth: Path) -> None:
    """One of those that have come up, as the shop's own log tells; what hangs in it is lost."""
    up = [line for line in truth.read_text().splitlines() if '"worker_up"' in line]
    alive = {json.loads(line)["pid"]: line for line in up}
    alive = {pid: line for pid, line in alive.items() if Path(f"/proc/{pid}").exists()}
    truth.write_text("".join(f"{line}\n" for line in alive.values()))  # a day of it would be large
    if alive:
        victim = random.choice(list(alive))
        print(f"kill -9 {victim}", flush=True)
        os.kill(victim, signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main())
