"""A proxy that ends TLS, the real nginx with the file of the example: evidence passes as it is."""

import getpass
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
import trustme

from worlds.ports import held_port
from worlds.programs import program
from worlds.sidecar_process import PATIENCE_SECONDS, PATIENT_EXIT, SidecarProcess, until

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "central-sidecar" / "nginx.conf"
TOKEN: Final = "0123456789abcdef0123456789abcdef"
APP: Final = """
import asyncio, afterword
async def send_receipt(): pass
async def main(): await afterword.wait_until(send_receipt())
asyncio.run(main())
"""


@contextmanager
def proxy(folder: Path, receiver: str, port: int) -> Iterator[str]:
    """The example's nginx before ``receiver``, with a certificate of its own; its address."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "evidence.pem")
    server = EXAMPLE.read_text()
    for told, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/evidence.pem", str(folder / "evidence.pem")),
        ("/etc/ssl/evidence.key", str(folder / "evidence.pem")),
        ("http://127.0.0.1:4318", receiver),
    ):
        assert told in server
        server = server.replace(told, here)
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"user {getpass.getuser()}; daemon off; pid {folder}/nginx.pid; worker_processes 1;"
        f"events {{}} http {{ access_log off; {places} {server} }}"
    )
    process = subprocess.Popen(
        [program("nginx"), "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"]
    )
    try:
        url = f"https://localhost:{port}"
        until(lambda: answers(url, folder))
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=folder / "authority.pem")


def answers(url: str, folder: Path) -> bool | None:
    try:
        status(Request(url), folder)
    except URLError:
        return None
    return True


def status(request: Request, folder: Path) -> tuple[int, str | None]:
    """The answer's status, and the book it names."""
    try:
        with urlopen(request, timeout=PATIENCE_SECONDS, context=trusting(folder)) as answer:
            return answer.status, answer.headers["Afterword-Book"]
    except HTTPError as error:
        with error:
            return error.code, error.headers["Afterword-Book"]


@pytest.mark.debian
def test_evidence_passes_a_proxy_that_ends_tls(tmp_path: Path) -> None:
    """An application's, with its token; a wrong token is the sidecar's to refuse; nothing else."""
    with (
        SidecarProcess(tmp_path, AFTERWORD_TOKEN=TOKEN) as sidecar,
        held_port() as port,
        proxy(tmp_path, sidecar.receiver, port) as url,
    ):
        app = subprocess.run(
            [sys.executable, "-c", APP],
            env={
                **{key: value for key, value in os.environ.items() if "SSL_" not in key},
                "AFTERWORD_ENDPOINT": url,
                "AFTERWORD_TOKEN": TOKEN,
                **PATIENT_EXIT,
                "SSL_CERT_FILE": str(tmp_path / "authority.pem"),
                "OTEL_SERVICE_NAME": "functions",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert (app.returncode, app.stderr) == (0, "")
        counted = sidecar.counts("afterword_tasks", "outcome", service_name="functions")
        assert counted == {"completed": 1}

        logs = {"Content-Type": "application/json"}
        code, book = status(Request(f"{url}/v1/logs", b"{}", logs), tmp_path)
        assert (code, len(book or "")) == (HTTPStatus.UNAUTHORIZED, 32)
        for path in ("/metrics", "/api/v1/dead-letters", "/v1/logs/"):
            assert status(Request(f"{url}{path}"), tmp_path) == (HTTPStatus.NOT_FOUND, None)
