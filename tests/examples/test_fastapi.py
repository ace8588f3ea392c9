"""``examples/fastapi`` under uvicorn, against a real sidecar: one line, and no line at all."""

import sys
from pathlib import Path
from typing import Any, Final

import pytest

from worlds.ports import held_port
from worlds.sidecar_process import PATIENT_EXIT, SidecarProcess, until
from worlds.web_process import WebProcess

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "fastapi"
NO_LINE: Final = (
    str(Path(sys.executable).with_name("opentelemetry-instrument")),
    *(sys.executable, "-m", "uvicorn", "--port", "0", "app:app"),
)
ORDER: Final = {"number": 17, "email": "a@example.org", "item": "pen"}
NO_EXPORT: Final = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}


def all_settled(sidecar: SidecarProcess) -> bool | None:
    """Whether the book has the end of all four; ``None`` until then."""
    settled = sidecar.counts("afterword_tasks_settled_total", "service_name")
    return True if settled == {"shop": 4} else None


def order_three_tasks(
    sidecar: SidecarProcess, command: tuple[str, ...], **environment: str
) -> dict[str, Any]:
    """Place one order while no mail server is there: the dead letters, by task."""
    with (
        held_port() as smtp_port,
        WebProcess(EXAMPLE, command, SMTP_PORT=str(smtp_port), **environment) as shop,
    ):
        assert shop.post("/orders", ORDER).json() == ORDER
        assert shop.post("/orders/18/courier").status_code == 202
        shop.stop()
        assert shop.log.count("ConnectionRefusedError: ") == 1, "it reaches the framework as ever"
    until(lambda: all_settled(sidecar))
    assert sidecar.counts("afterword_tasks_scheduled_total", "service_name") == {"shop": 4}
    assert sidecar.counts("afterword_tasks_settled_total", "reason", basis="observed") == {
        "exception": 1,
        "skipped": 2,
        "completed": 1,
    }
    letters = sidecar.get("/api/v1/dead-letters", include="payload")["items"]
    return {letter["task"]: letter for letter in letters}


def test_one_line_and_a_spool(tmp_path: Path) -> None:
    """Three tasks, the first fails: one failed, two skipped, each payload in its dead letter."""
    with SidecarProcess(tmp_path) as sidecar:
        letters = order_three_tasks(
            sidecar,
            (sys.executable, "main.py"),
            PORT="0",
            AFTERWORD_SPOOL=str(sidecar.spool),
            AFTERWORD_CAPTURE="true",
        )
    assert set(letters) == {"send_receipt", "update_stock", "book_courier"}
    assert letters["send_receipt"]["error"]["type"] == "ConnectionRefusedError"
    assert letters["book_courier"]["payload"] == {"arguments": {"number": 17}}
    assert letters["send_receipt"]["payload"]["arguments"]["order"]["value"] == ORDER
    assert {letter["platform"] for letter in letters.values()} == {"starlette"}


@pytest.mark.parametrize("disabled", ["", "asyncio,fastapi,starlette"])
def test_no_line_at_all(tmp_path: Path, disabled: str) -> None:
    """The same by ``opentelemetry-instrument``, with OpenTelemetry's own instrumentation or not."""
    with SidecarProcess(tmp_path) as sidecar:
        letters = order_three_tasks(
            sidecar,
            NO_LINE,
            AFTERWORD_ENDPOINT=sidecar.receiver,
            OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=disabled,
            **PATIENT_EXIT,
            **NO_EXPORT,
        )
    assert set(letters) == {"send_receipt", "update_stock", "book_courier"}


def test_an_instrumentation_that_is_disabled(tmp_path: Path) -> None:
    """``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`` takes our entry points' names."""
    with WebProcess(
        EXAMPLE,
        NO_LINE,
        AFTERWORD_SPOOL=str(tmp_path / "spool"),
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="afterword-starlette",
        **NO_EXPORT,
    ) as shop:
        assert shop.post("/orders/18/courier").status_code == 202
        shop.stop()
    assert not (tmp_path / "spool").exists()
