"""What the demo runs on: the real sidecar and the real shop, as processes of their own."""

import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from examples.demo.book import SERVICE
from examples.demo.servers import Server
from examples.demo.truth import GUARD_LEAD_SECONDS

MEMORY_BACKED = Path("/dev/shm")

_LEFT_OVERS = ("truth.jsonl", "book.db*", "sidecar.log", "shop.log")


@dataclass(frozen=True)
class Stage:
    """Where everything is while the demo runs."""

    folder: Path
    """The shop's log of the truth, the book's database, and what both servers print."""
    spool: Path
    shop_url: str
    receiver_url: str
    operators_url: str

    @property
    def truth_log(self) -> Path:
        """What truly happened, as the shop tells it."""
        return self.folder / "truth.jsonl"


def command(name: str) -> str:
    """A program of the environment that runs the demo."""
    return str(Path(sysconfig.get_path("scripts")) / name)


@contextmanager
def set_up(folder: Path, *, workers: int) -> Iterator[Stage]:
    """Start the sidecar, then the shop. Raises ``StartError``. Leaving stops both, shop first."""
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in (file for name in _LEFT_OVERS for file in folder.glob(name)):
        left_over.unlink()
    with ExitStack() as stack:
        memory = MEMORY_BACKED if os.access(MEMORY_BACKED, os.W_OK) else None
        spool = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="afterword-demo-", dir=memory))
        )
        sidecar = stack.enter_context(_sidecar(folder, spool))
        receiver_url = sidecar.wait_for(r"receiver\W+(http://[\d.]+:\d+)")[1]
        operators_url = sidecar.wait_for(r"operators\W+(http://[\d.]+:\d+)")[1]
        shop = stack.enter_context(start_shop(folder, spool, workers))
        shop_url = shop.wait_for(r"running on (http://[\d.]+:\d+)")[1]
        shop.wait_for(rf"(?s)(Application startup complete.*){{{workers}}}")
        yield Stage(
            folder=folder,
            spool=spool,
            shop_url=shop_url,
            receiver_url=receiver_url,
            operators_url=operators_url,
        )


def _sidecar(folder: Path, spool: Path) -> Server:
    ports = ("--receiver-port", "0", "--operators-port", "0")
    return Server(
        "the sidecar",
        (command("afterword"), "sidecar", "--database", str(folder / "book.db"), *ports),
        {"AFTERWORD_SPOOL": str(spool)},
        folder / "sidecar.log",
    )


def start_shop(folder: Path, spool: Path, workers: int) -> Server:
    """The shop, writing its evidence to ``spool`` and the truth to ``folder``."""
    settings = ("--workers", str(workers), "--port", "0", "--no-access-log")
    return Server(
        "the shop",
        (sys.executable, "-m", "uvicorn", "examples.shop.app:app", *settings),
        {
            "AFTERWORD_SPOOL": str(spool),
            "OTEL_SERVICE_NAME": SERVICE,
            "AFTERWORD_GUARD_LEAD_SECONDS": str(GUARD_LEAD_SECONDS),
            "SHOP_TRUTH_LOG": str(folder / "truth.jsonl"),
        },
        folder / "shop.log",
    )
