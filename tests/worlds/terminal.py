"""A document's commands, typed into a real shell as a reader would type them.

Only what cannot be shared between tests is exchanged: ports, the folders under ``/tmp`` and
``/dev/shm``, and where packages come from (a document says ``pip install``; here the installation
is resolved and built, and not kept).
"""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Self

from worlds.ports import held_port
from worlds.sidecar_process import PATIENCE_SECONDS, PATIENT_EXIT, until

REPOSITORY: Final = Path(__file__).parents[2]
_FENCE: Final = re.compile(
    r"(?:^<!-- file: (?P<file>\S+) -->\n\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
RECEIVER, OPERATORS, WEB = 4318, 9464, 8000
PORTS_OF: Final = {
    "afterword sidecar": (RECEIVER, OPERATORS),
    "uvicorn": (WEB,),
    "python main.py": (WEB,),
    "opentelemetry-instrument": (WEB,),
}
"""What is begun in the background, and the ports that say that it has begun."""


@dataclass(frozen=True)
class Fence:
    """A block of a document between three backticks."""

    language: str
    text: str
    file: str = ""
    """The name of the file that it is, where the document says so (``<!-- file: … -->``)."""

    @property
    def commands(self) -> Iterator[str]:
        """Each command; a backslash at a line's end joins it to the next."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                yield line


def fences(document: Path, section: str = "") -> list[Fence]:
    """Those of a document, or of what stands under one of its headings."""
    text = document.read_text()
    if section:
        found = re.search(
            rf"^##+ {re.escape(section)}\n(.*?)(?=^##+ |\Z)", text, re.MULTILINE | re.DOTALL
        )
        assert found, f"{document.name} has no section {section!r}"
        text = found[1]
    return [
        Fence(language=each["language"], text=each["text"], file=each["file"] or "")
        for each in _FENCE.finditer(text)
    ]


class Terminal:
    """``bash`` in a folder, with job control, and ports that nobody else has."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._folder = folder
        self._held = ExitStack()
        ports = [self._held.enter_context(held_port()) for _ in range(3)]
        self._ports: Mapping[int, int] = dict(zip((RECEIVER, OPERATORS, WEB), ports, strict=True))
        path = environment.get("PATH", os.environ["PATH"])
        self._shell = subprocess.Popen(
            ["bash", "-m"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={
                **os.environ,
                "COLUMNS": "200",
                "AFTERWORD_SIDECAR_RECEIVER_PORT": str(ports[0]),
                "AFTERWORD_SIDECAR_OPERATORS_PORT": str(ports[1]),
                "AFTERWORD_URL": f"http://127.0.0.1:{ports[1]}",
                "AFTERWORD_ENDPOINT": f"http://127.0.0.1:{ports[0]}",
                "UVICORN_PORT": str(ports[2]),
                "PORT": str(ports[2]),
                **PATIENT_EXIT,
                **environment,
                "PATH": f"{Path(sys.executable).parent}:{path}",
            },
        )

    def type(self, command: str) -> str:
        """What the command prints. It must end with 0; what it begins must be there then."""
        typed = self._here(command)
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{typed}\nprintf '\\nEND %s\\n' $?\n")
        self._shell.stdin.flush()
        printed: list[str] = []
        for line in self._shell.stdout:
            if line.startswith("END "):
                text = "".join(printed)
                assert line == "END 0\n", f"$ {typed}\n{text}{line}"
                self._begun(command)
                return text
            printed.append(line)
        raise AssertionError(f"$ {typed}\nthe shell ended:\n{''.join(printed)}")

    def type_until(self, command: str, shows: str) -> str:
        """The same, again and again until what it prints matches."""

        def once() -> str | None:
            printed = self.type(command)
            return printed if re.search(shows, printed) else None

        return until(once)

    def _here(self, command: str) -> str:
        for documented, own in self._ports.items():
            command = command.replace(f"localhost:{documented}", f"localhost:{own}")
        command = re.sub(r"(/dev/shm|/tmp)/", f"{self._folder}/", command)
        if command.startswith("pip install"):
            command = command.partition("#")[0].rstrip()
            checkout = r"(?<= )'?\.(?:\./\.\.)?(\[\w+\])?'?(?= |$)"
            command = re.sub(checkout, rf"'{REPOSITORY}\1'", command)
            command = command.replace("pip install", "python -m pip install --dry-run --quiet")
        return command

    def _begun(self, command: str) -> None:
        if command.split("#", maxsplit=1)[0].rstrip().endswith("&"):
            program = next(name for name in PORTS_OF if name in command)
            for documented in PORTS_OF[program]:
                until(partial(_listening, self._ports[documented]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write("kill -9 $(jobs -p) 2>/dev/null; exit\n")
        self._shell.stdin.close()
        try:
            self._shell.wait(PATIENCE_SECONDS)
        finally:
            if self._shell.poll() is None:
                os.killpg(self._shell.pid, signal.SIGKILL)
            assert self._shell.stdout is not None
            self._shell.stdout.close()
            self._held.close()


def _listening(port: int) -> int | None:
    with socket.socket() as probe:
        return port if probe.connect_ex(("127.0.0.1", port)) == 0 else None
