"""The application whose response times are measured: FastAPI under uvicorn, a task a request.

Started with ``bare`` or ``watched``, which is its only difference: one line. Prints its port; ends
when its standard input does.
"""

import asyncio
import socket
import sys
import threading

import uvicorn
from fastapi import BackgroundTasks, FastAPI
from pydantic import BaseModel

DATABASE_SECONDS = 0.003

app = FastAPI()
receipts_sent: dict[str, int] = {}


class Order(BaseModel):
    """What is sent."""

    number: int
    email: str


@app.post("/orders")
async def place_order(order: Order, tasks: BackgroundTasks) -> dict[str, int]:
    await asyncio.sleep(DATABASE_SECONDS)
    tasks.add_task(send_receipt, order.email)
    return {"order": order.number}


async def send_receipt(email: str) -> None:
    await asyncio.sleep(DATABASE_SECONDS)
    receipts_sent[email] = receipts_sent.get(email, 0) + 1


def main() -> None:
    if sys.argv[1] == "watched":
        import afterword  # noqa: PLC0415 - a bare application does not even import it

        afterword.instrument("fastapi")
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_keep_alive=600)
    server = uvicorn.Server(config)

    def end() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=end, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
