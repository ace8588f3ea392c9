"""The whole: a real application, a real kill, a real sidecar, and what people then see."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from worlds.sidecar_process import PATIENCE_SECONDS, PATIENT_EXIT, SidecarProcess, until

KILLED_APP: Final = """
import asyncio, datetime, decimal
import afterword

@afterword.deferred(name="send_receipt", capture=True)
async def send_receipt(order, *, to, card_number):
    await asyncio.Event().wait()

async def audit():
    await asyncio.Event().wait()

async def quick():
    pass

async def main():
    afterword.wait_until(send_receipt(
        {"id": 17, "total": decimal.Decimal("12.50"), "at": datetime.date(2026, 11, 23)},
        to="a@example.org", card_number="4111111111111111",
    ))
    afterword.wait_until(audit())
    await afterword.wait_until(quick())
    await asyncio.sleep(0)
    print("handed over", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

ENDING_APP: Final = """
import asyncio
import afterword

async def completes():
    pass

async def fails(order):
    raise ValueError(f"no such order: {order}")

async def hangs():
    await asyncio.Event().wait()

async def main():
    handed = [
        afterword.wait_until(completes()),
        afterword.wait_until(fails(17), payload=True),
        afterword.wait_until(hangs(), timeout=0.01),
        afterword.wait_until(hangs()),
    ]
    await asyncio.wait(handed[:3])
    handed[3].cancel()
    await asyncio.gather(*handed, return_exceptions=True)

asyncio.run(main())
"""


@contextmanager
def app(code: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process of ``code`` that reports as service ``shop``."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OTEL_SERVICE_NAME": "shop", **environment},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_SECONDS)
        assert process.stdout is not None
        process.stdout.close()


def letters(sidecar: SidecarProcess, count: int) -> list[dict[str, Any]]:
    """The dead letters once there are ``count``."""

    def found() -> list[dict[str, Any]] | None:
        items: list[dict[str, Any]] = sidecar.get("/api/v1/dead-letters")["items"]
        return items if len(items) >= count else None

    return until(found)


def test_a_killed_task_is_seen_named_and_its_payload_kept(tmp_path: Path) -> None:
    """SIGKILL: both open tasks are dropped, proven, with their evidence; the payload is shown."""
    with SidecarProcess(tmp_path) as sidecar:
        with app(KILLED_APP, AFTERWORD_SPOOL=str(sidecar.spool)) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "handed over\n"
            process.send_signal(signal.SIGKILL)
        found = {letter["task"].rpartition(".")[2]: letter for letter in letters(sidecar, 2)}
        assert set(found) == {"send_receipt", "audit"}
        for letter in found.values():
            verdict = letter["verdict"]
            assert (verdict["outcome"], verdict["reason"]) == ("dropped", "instance_lost")
            assert (verdict["basis"], verdict["rule"]["number"]) == ("proven", 13)
            assert letter["service"] == "shop"
        assert sidecar.counts(
            "afterword_tasks_settled_total", "reason", service_name="shop", basis="proven"
        ) == {"instance_lost": 2}
        assert sidecar.counts("afterword_tasks", "outcome") == {"dropped": 2, "completed": 1}
        assert sidecar.counts("afterword_tasks_scheduled_total", "service_name") == {"shop": 3}
        shown = sidecar.command("dead-letters", "show", found["send_receipt"]["id"])
        assert shown.returncode == 0
        for words in ("instance_lost (proven)", "rule 13", "12.50", "2026-11-23", "a@example.org"):
            assert words in shown.stdout, words
        assert "4111111111111111" not in shown.stdout
        listed = sidecar.command("tasks", "--json", "--outcome", "dropped")
        assert len(json.loads(listed.stdout)["items"]) == 2
        assert sidecar.stop() == 0
    assert not list(sidecar.spool.glob("*.jsonl")), "what is committed is removed from the spool"


def test_what_ends_is_told_over_http(tmp_path: Path) -> None:
    """Completed, failed, timed out and cancelled, each as it was; the failed one's payload kept."""
    token = "t0ken"
    with SidecarProcess(tmp_path, AFTERWORD_TOKEN=token) as sidecar:
        reports = {"AFTERWORD_ENDPOINT": sidecar.receiver, "AFTERWORD_TOKEN": token}
        with app(ENDING_APP, **reports, **PATIENT_EXIT) as process:
            assert process.wait(PATIENCE_SECONDS) == 0
        assert sidecar.counts("afterword_tasks_settled_total", "reason", basis="observed") == {
            "completed": 1,
            "exception": 1,
            "timeout": 1,
            "cancelled": 1,
        }
        (failed,) = sidecar.get("/api/v1/dead-letters", outcome="failed", include="payload")[
            "items"
        ]
        assert failed["error"]["type"] == "ValueError"
        assert failed["payload"]
        assert "17" in json.dumps(failed["payload"])


def test_a_killed_sidecar_goes_on_where_it_was(tmp_path: Path) -> None:
    """Kill -9 of the sidecar: after a new start the same letters and counts, none twice."""
    with SidecarProcess(tmp_path) as first:
        with app(KILLED_APP, AFTERWORD_SPOOL=str(first.spool)) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "handed over\n"
        before = letters(first, 2)
        first.kill()
    with SidecarProcess(tmp_path) as second:
        assert second.get("/api/v1/dead-letters")["items"] == before
        assert second.counts("afterword_tasks", "outcome") == {"dropped": 2, "completed": 1}


def test_a_sidecar_that_starts_after_the_death_finds_it_all(tmp_path: Path) -> None:
    """The application wrote, died, and only then a sidecar came: the spool tells it everything."""
    (tmp_path / "spool").mkdir()
    with app(KILLED_APP, AFTERWORD_SPOOL=str(tmp_path / "spool")) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "handed over\n"
    with SidecarProcess(tmp_path) as sidecar:
        assert {letter["verdict"]["basis"] for letter in letters(sidecar, 2)} == {"proven"}


def test_a_second_sidecar_is_refused(tmp_path: Path) -> None:
    """One book, one sidecar: the second says who holds it and exits, and the first goes on."""
    with SidecarProcess(tmp_path) as first:
        refused = first.command(
            *("sidecar", "--database", str(first.database)),
            *("--receiver-port", "0", "--operators-port", "0"),
        )
        assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
        assert str(first.database) in refused.stderr
        assert first.get("/readyz")["status"] == "ready"


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    """The message names the port and what to do, and all that was started is stopped again."""
    with SidecarProcess(tmp_path) as first:
        port = first.operators.rpartition(":")[2]
        refused = first.command(
            *("sidecar", "--database", ":memory:"),
            *("--receiver-port", "0", "--operators-port", port),
        )
        assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
        assert f"cannot listen on 127.0.0.1 port {port}" in refused.stderr
        assert "is another sidecar running?" in refused.stderr
        assert "--operators-port" in refused.stderr


def test_a_host_that_there_is_not_is_a_sentence(tmp_path: Path) -> None:
    """What cannot be looked up has no number among the system's errors."""
    with SidecarProcess(tmp_path) as first:
        refused = first.command(
            *("sidecar", "--database", ":memory:", "--receiver-host", "sidecar.invalid"),
            *("--receiver-port", "0", "--operators-port", "0"),
        )
        assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
        assert "sidecar.invalid port 0: there is no such host; see --receiver" in refused.stderr


def test_a_stop_is_bounded_whatever_clients_do(tmp_path: Path) -> None:
    """A client that never finishes its request keeps no sidecar from stopping, cleanly."""
    with SidecarProcess(tmp_path, "--stop", "2s") as sidecar:
        host, _, port = sidecar.receiver.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as client:
            client.sendall(
                b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n"
            )
            assert client.recv(100).startswith(b"HTTP/1.1 100"), "the request is being handled"
            assert sidecar.stop() == 0
    assert '"message": "stopped"' in sidecar.log
