"""The image, built for real and run: not root, read-only, healthy, obedient, with a memory."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.request import Request, urlopen

import pytest

from worlds.container import Image, contained, process_one
from worlds.sidecar_process import until

NAME: Final = "localhost/afterword-sidecar:latest"
SHOP: Final = "localhost/afterword-demo-shop:latest"
OWNER: Final = 10001
PORTS: Final = {"AFTERWORD_SIDECAR_RECEIVER_PORT": "0", "AFTERWORD_SIDECAR_OPERATORS_PORT": "0"}
APP: Final = """
import asyncio, afterword
async def send_receipt(): await asyncio.Event().wait()
async def main():
    afterword.wait_until(send_receipt())
    await asyncio.sleep(0)
    print("handed over", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
OPENING: Final = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeLogs": [
                {
                    "scope": {
                        "attributes": [
                            {"key": "deferred_task.stream", "value": {"stringValue": "5e" * 16}}
                        ]
                    },
                    "logRecords": [
                        {
                            "timeUnixNano": "1795460000000000000",
                            "eventName": "deferred_task.scheduled",
                            "attributes": [
                                {"key": "deferred_task.sequence", "value": {"intValue": "1"}},
                                {"key": "deferred_task.name", "value": {"stringValue": "send"}},
                            ],
                        }
                    ],
                }
            ],
        }
    ]
}


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    mounted = Image(NAME)
    yield mounted
    mounted.remove()


@pytest.fixture(scope="session")
def shop() -> Iterator[Image]:
    mounted = Image(SHOP)
    yield mounted
    mounted.remove()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A volume as an engine makes it: with the owner and mode of the image's directory."""
    return owned(tmp_path / "state", 0o700)


def owned(folder: Path, mode: int) -> Path:
    folder.mkdir()
    os.chown(folder, OWNER, OWNER)
    folder.chmod(mode)
    for parent in folder.parents:  # pytest's are its user's alone
        if parent.name.startswith("pytest") or parent.name.startswith("test_"):
            parent.chmod(0o755)
    return folder


def get(url: str) -> bytes:
    with urlopen(url, timeout=20) as answer:
        body: bytes = answer.read()
        return body


def tasks(operators: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(get(f"{operators}/api/v1/tasks"))["items"]
    return found


def test_it_says_what_it_is(image: Image) -> None:
    """Not root, by number; one volume; two ports; OCI's labels; a health check without curl."""
    config = image.config
    assert config["User"] == f"{OWNER}:{OWNER}"
    assert list(config["Volumes"]) == ["/var/lib/afterword"]
    assert set(config["ExposedPorts"]) == {"4318/tcp", "9464/tcp"}
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python3"]
    labels = {key.rpartition(".")[2] for key in config["Labels"] if "opencontainers" in key}
    assert labels >= {"title", "description", "version", "revision", "source", "licenses"}


def test_its_bill_of_materials_is_what_is_in_it(image: Image) -> None:
    """CycloneDX names every distribution of the environment, with its version, and no other."""
    bill = json.loads((image.root / "opt/afterword/sbom.cdx.json").read_text())
    listed = {
        each["name"].lower().replace("_", "-"): each["version"] for each in bill["components"]
    }
    (packages,) = (image.root / "opt/afterword/lib").glob("python3*/site-packages")
    there = {
        name.lower().replace("_", "-"): version
        for folder in packages.glob("*.dist-info")
        for name, version in [folder.name.removesuffix(".dist-info").split("-", 1)]
    }
    assert bill["bomFormat"] == "CycloneDX"
    assert "aiohttp" in listed
    assert "pip" not in listed
    assert listed == there


def test_it_runs_read_only_and_its_book_survives(image: Image, state: Path) -> None:
    """Health, evidence over HTTP, SIGTERM to process 1, and a second run that remembers it all."""
    with image.run(state, PORTS) as first:
        checked = first.health_check()
        assert (checked.returncode, checked.stderr) == (0, "")
        body = json.dumps(OPENING).encode()
        sent = Request(
            f"{first.addresses['receiver']}/v1/logs", body, {"Content-Type": "application/json"}
        )
        with urlopen(sent, timeout=20) as answer:
            assert answer.status == 200
        status = Path(f"/proc/{first.pid}/status").read_text()
        assert f"Uid:\t{OWNER}" in status
        assert "CapBnd:\t0000000000000000" in status
        assert "NSpid:\t" in status
        assert status.split("NSpid:\t")[1].split()[1] == "1"
        assert first.stop() == 0
        assert '"message": "stopped"' in first.log
    with image.run(state, PORTS) as second:
        assert second.addresses["book_id"] == first.addresses["book_id"]
        (task,) = tasks(second.addresses["operators"])
        assert (task["task"], task["outcome"]) == ("send", "in_flight")
        assert second.stop() == 0


def test_an_application_of_another_user_shares_a_spool(
    image: Image, state: Path, tmp_path: Path
) -> None:
    """Through the group that owns the directory: killed with -9, its task is proven lost."""
    spool = owned(tmp_path / "spool", 0o2770)
    with image.run(state, {**PORTS, "AFTERWORD_SPOOL": "/var/spool/afterword"}, spool) as sidecar:
        # The image has the instrumentation too, so that it serves as an application's here.
        told = {"AFTERWORD_SPOOL": "/var/spool/afterword", "OTEL_SERVICE_NAME": "shop"}
        app = subprocess.Popen(
            contained(
                image.root,
                f"20001:20001:{OWNER}",
                {"/var/spool/afterword": spool},
                told,
                ["/opt/afterword/bin/python3", "-c", APP],
            ),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert app.stdout is not None
        assert app.stdout.readline() == "handed over\n"
        os.kill(process_one(app.pid), signal.SIGKILL)
        app.wait()
        app.stdout.close()
        operators = sidecar.addresses["operators"]

        def dropped() -> list[dict[str, str]] | None:
            return [each for each in tasks(operators) if each["outcome"] == "dropped"] or None

        assert until(dropped)[0]["reason"] == "instance_lost"
        assert sidecar.stop() == 0


def test_the_demos_shop_loses_work_in_its_own_container(
    image: Image, shop: Image, state: Path, tmp_path: Path
) -> None:
    """The two images of `compose.yaml` with a spool between them: live data, then a kill -9."""
    spool = owned(tmp_path / "spool", 0o2770)
    with image.run(state, {**PORTS, "AFTERWORD_SPOOL": "/var/spool/afterword"}, spool) as sidecar:
        told = {
            **dict(each.split("=", 1) for each in shop.config["Env"]),
            "AFTERWORD_SPOOL": "/var/spool/afterword",
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_EXPORTER_OTLP_ENDPOINT": sidecar.addresses["receiver"],
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        }
        mounts = {"/var/spool/afterword": spool}
        command = ["sh", "-c", 'cd /srv && exec "$@"', "shop", *shop.config["Cmd"]]
        with (tmp_path / "shop.log").open("wb") as log:
            process = subprocess.Popen(
                contained(shop.root, shop.config["User"], mounts, told, command, ["/tmp"]),
                stdout=log,
                stderr=log,
            )
        operators = sidecar.addresses["operators"]

        def seen(outcome: str) -> list[dict[str, str]] | None:
            return [each for each in tasks(operators) if each["outcome"] == outcome] or None

        try:
            until(lambda: seen("completed") and seen("in_flight"))
        finally:
            os.kill(process_one(process.pid), signal.SIGKILL)  # and with process 1 all the others
            process.wait()
        assert {each["reason"] for each in until(lambda: seen("dropped"))} == {"instance_lost"}
        assert sidecar.stop() == 0


def test_an_unhealthy_sidecar_is_told_from_a_healthy_one(image: Image, state: Path) -> None:
    """The check fails where nothing answers: it is no check that always passes."""
    with image.run(state, PORTS) as sidecar:
        sidecar.addresses["operators"] = "http://127.0.0.1:1"
        assert sidecar.health_check().returncode != 0
