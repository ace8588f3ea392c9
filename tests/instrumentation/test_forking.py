"""Servers that import the application and then fork: before the fork no thread is to be started."""

import os
import select
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Final

import pytest

from afterword import forking

PATIENCE_SECONDS: Final = 30.0
_SHOP: Final = """
import os
import uwsgi
from afterword import forking

def tell(where):
    os.write({told}, f"{{where}} {{forking.is_ahead()}}\\n".encode())

def tell_which():
    tell("spooler" if uwsgi.i_am_the_spooler() else "mule" if uwsgi.mule_id() else "worker")

def application(environ, start_response):
    return [b""]

tell("import")
uwsgi.post_fork_hook = tell_which
"""


def _told_under_uwsgi(folder: Path, *options: str, lines: int) -> list[str]:
    """What each process of a real uWSGI found, as soon as that many have told."""
    reading, writing = os.pipe()
    (folder / "shop.py").write_text(_SHOP.format(told=writing))
    server = str(Path(sys.executable).parent / "uwsgi")
    command = [server, "--http-socket", "127.0.0.1:0", "--module", "shop", "--need-app", *options]
    with (
        os.fdopen(reading, "rb", buffering=0) as pipe,
        subprocess.Popen(
            command,
            cwd=folder,
            pass_fds=[writing],
            stderr=subprocess.PIPE,
            start_new_session=True,  # to be killed with all that it forked
        ) as uwsgi,
    ):
        os.close(writing)
        told = b""
        while told.count(b"\n") < lines and select.select([pipe], [], [], PATIENCE_SECONDS)[0]:
            more = pipe.read(4096)
            if not more:
                break
            told += more
        os.killpg(uwsgi.pid, signal.SIGKILL)
        _, log = uwsgi.communicate()
    assert told.count(b"\n") == lines, log.decode()
    return sorted(told.decode().split("\n")[:-1])


def test_a_fork_is_ahead_of_uwsgis_master_and_of_no_other_process(tmp_path: Path) -> None:
    """True while the application is imported, false in workers, mules and the spooler."""
    (tmp_path / "spooled").mkdir()
    options = ("--master", "--processes", "2", "--mule", "--spooler", "spooled")
    told = _told_under_uwsgi(tmp_path, *options, lines=5)
    assert told == ["import True", "mule False", "spooler False", "worker False", "worker False"]


def test_no_fork_is_ahead_where_the_workers_import_the_application(tmp_path: Path) -> None:
    """With ``--lazy-apps`` the import runs after the fork, so threads may be started there."""
    assert _told_under_uwsgi(tmp_path, "--master", "--lazy-apps", lines=1) == ["import False"]


def test_no_fork_is_ahead_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without uWSGI, and with a module that only has its name; in a forked child too."""
    assert not forking.is_ahead()
    monkeypatch.setitem(sys.modules, "uwsgi", types.ModuleType("uwsgi"))
    assert not forking.is_ahead()
    child = os.fork()
    if child == 0:
        os._exit(int(forking.is_ahead()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
