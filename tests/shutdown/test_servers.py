"""Real servers stopped for real: what is pending is in the book, with where it waited."""

import os
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from worlds.aftermath import Aftermath
from worlds.served_app import ServedApp
from worlds.sidecar_process import until

SHOP: Final = """
import asyncio, os
import afterword
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse
from starlette.routing import Route

afterword.instrument()
under_way = asyncio.Event()

async def send_receipt():
    await asyncio.Event().wait()

async def index_order():
    under_way.set()
    await asyncio.Event().wait()

async def bill():
    under_way.set()
    with open(os.environ["FIFO"]) as fifo:
        await asyncio.to_thread(fifo.read)

async def order(request):
    afterword.wait_until(send_receipt())
    await asyncio.sleep(0)
    return PlainTextResponse(str(os.getpid()))

async def indexed(request):
    return PlainTextResponse("", background=BackgroundTask(index_order))

async def billed(request):
    return PlainTextResponse("", background=BackgroundTask(bill))

async def is_under_way(request):
    await under_way.wait()
    return PlainTextResponse("")

app = Starlette(routes=[
    Route("/order", order), Route("/indexed", indexed), Route("/under-way", is_under_way),
    Route("/billed", billed),
])
"""
UVICORN: Final = (sys.executable, "-m", "uvicorn", "shop:app", "--fd", "{fd}", "--no-access-log")
GUNICORN: Final = (
    *(
        sys.executable,
        "-m",
        "gunicorn",
        "shop:app",
        "-k",
        "uvicorn_worker.UvicornWorker",
        "-w",
        "1",
    ),
    *("-b", "fd://{fd}", "--no-control-socket"),
)
GUNICORN_ASGI: Final = (
    *(
        sys.executable,
        "-m",
        "gunicorn",
        "shop:app",
        "-k",
        "asgi",
        "-w",
        "1",
        "-b",
        "fd://{fd}",
        "--no-control-socket",
    ),
)
SERVERS: Final = ("uvicorn", "gunicorn-uvicorn", "gunicorn-asgi")
RECEIPT: Final = "asyncio.Event.wait at shop.py:13 in send_receipt"
INDEX: Final = "asyncio.Event.wait at shop.py:17 in index_order"


@pytest.mark.parametrize("way", ["spool", "http"])
@pytest.mark.parametrize("server", [UVICORN, GUNICORN, GUNICORN_ASGI], ids=SERVERS)
def test_what_sigterm_leaves_behind_is_told(
    tmp_path: Path, aftermath: Aftermath, server: tuple[str, ...], way: str
) -> None:
    """The server forgets the task in silence; the book has it, dropped, with its frame."""
    service = f"{SERVERS[(UVICORN, GUNICORN, GUNICORN_ASGI).index(server)]}-{way}"
    with ServedApp(tmp_path, SHOP, *server, **aftermath.environment(service, way)) as app:
        assert app.get("/order")
        app.terminate()
        assert app.exit_code() == (-15 if server is UVICORN else 0), "as without us"
    letter = aftermath.letter(service)
    assert ending(letter) == "dropped/shutdown"
    assert letter["awaiting"] == RECEIPT
    assert aftermath.net(service) == {"dropped": 1}


def test_what_uvicorn_cancels_at_its_time_out_is_told(tmp_path: Path, aftermath: Aftermath) -> None:
    """The background task is cancelled without its name in the log; the book has its own word."""
    command = (*UVICORN, "--timeout-graceful-shutdown", "1")
    with ServedApp(tmp_path, SHOP, *command, **aftermath.environment("time-out", "http")) as app:
        app.get("/indexed")
        app.get("/under-way")
        app.terminate()
        app.exit_code()
    letter = aftermath.letter("time-out")
    assert ending(letter) == "dropped/shutdown"
    assert letter["awaiting"] == INDEX


def test_what_gunicorn_kills_at_its_time_out_was_told_at_sigterm(
    tmp_path: Path, aftermath: Aftermath
) -> None:
    """No hook runs in a busy worker: SIGKILL. SIGTERM came before it, and so did the report."""
    command = (*GUNICORN, "--graceful-timeout", "3")
    with ServedApp(tmp_path, SHOP, *command, **aftermath.environment("overtime", "spool")) as app:
        app.get("/indexed")
        app.get("/under-way")
        app.terminate()
        assert app.exit_code() == 0
    letter = aftermath.letter("overtime")
    assert ending(letter) == "dropped/shutdown"
    assert (letter["verdict"]["basis"], letter["awaiting"]) == ("proven", INDEX)


def test_what_makes_it_after_all_has_completed(tmp_path: Path, aftermath: Aftermath) -> None:
    """Reported at SIGTERM, done before the server is: completed, and no dead letter of it."""
    os.mkfifo(tmp_path / "fifo")
    environment = {
        "FIFO": str(tmp_path / "fifo"),
        **aftermath.environment("made-it", "http"),
    }
    with ServedApp(tmp_path, SHOP, *UVICORN, **environment) as app:
        writer = os.open(tmp_path / "fifo", os.O_RDWR)
        app.get("/billed")
        app.get("/under-way")
        app.terminate()
        until(lambda: aftermath.is_pending("made-it", "bill"))
        os.write(writer, b"paid")
        os.close(writer)
        app.exit_code()
    assert aftermath.net("made-it") == {"completed": 1}


def ending(letter: dict[str, Any]) -> str:
    return f"{letter['verdict']['outcome']}/{letter['verdict']['reason']}"


def test_what_is_pending_at_max_requests_is_told(tmp_path: Path, aftermath: Aftermath) -> None:
    """A worker that is recycled cancels what is left; that is the process's doing, and said so."""
    command = (*UVICORN, "--limit-max-requests", "1")
    with ServedApp(tmp_path, SHOP, *command, **aftermath.environment("recycled", "http")) as app:
        app.get("/order")
        assert app.exit_code() == 0
    letter = aftermath.letter("recycled")
    assert (ending(letter), letter["verdict"]["basis"]) == ("dropped/shutdown", "observed")
    assert letter["awaiting"] == RECEIPT


def test_zero_code_sees_it_too(tmp_path: Path, aftermath: Aftermath) -> None:
    """No call of ``instrument()``: the entry point does it, and finds uvicorn at the first task."""
    source = SHOP.replace("afterword.instrument()", "")
    instrument = Path(sys.executable).with_name("opentelemetry-instrument")
    exporters = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    command = (str(instrument), *UVICORN)
    environment = aftermath.environment("zero-code", "http") | exporters
    with ServedApp(tmp_path, source, *command, **environment) as app:
        app.get("/order")
        app.terminate()
        assert app.exit_code() == -15
    letter = aftermath.letter("zero-code")
    assert (ending(letter), letter["awaiting"]) == ("dropped/shutdown", RECEIPT)
