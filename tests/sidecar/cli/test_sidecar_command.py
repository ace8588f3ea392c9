"""``afterword sidecar`` before anything starts: settings, missing dependencies, broken pipes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from afterword_sidecar.__main__ import NEEDED
from afterword_sidecar.cli import afterword
from afterword_sidecar.cli.announcing import warnings
from afterword_sidecar.settings import SETTINGS, read_settings

BLOCKING = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
sys.argv = ["afterword", "tasks"]
from afterword_sidecar.__main__ import main
main()
"""


INTERRUPTED = """
import signal
import sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "afterword_sidecar.cli":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from afterword_sidecar.__main__ import main
main()
"""


def test_control_c_while_it_is_still_loading_is_no_traceback() -> None:
    """Half a second in which an impatient operator changes their mind."""
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (130, "")


def test_wrong_settings_are_listed_and_nothing_is_started(tmp_path: Path) -> None:
    """Exit code 2, every wrong setting in the message, and no file made."""
    refused = CliRunner(env={"AFTERWORD_SIDECAR_GRACE": "soon"}).invoke(
        afterword,
        ["sidecar", "--receiver-port", "x", "--database", str(tmp_path / "no" / "b.db")],
    )
    assert refused.exit_code == 2
    assert "3 settings are wrong" in refused.stderr
    assert "AFTERWORD_SIDECAR_GRACE='soon'" in refused.stderr
    assert "--receiver-port='x'" in refused.stderr
    assert f"there is no directory {tmp_path / 'no'}" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_relative_spool_is_told_by_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the sidecar says of ``--spool`` can be copied into an application's environment."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").touch()
    refused = CliRunner().invoke(
        afterword, ["sidecar", "--database", ":memory:", "--spool", "taken"]
    )
    assert refused.exit_code == 2
    assert f"{str(tmp_path / 'taken')!r}: it is not a directory" in refused.stderr


def test_help_names_every_setting() -> None:
    """Flag, variable and default of each, and where the secret goes."""
    shown = CliRunner(env={"COLUMNS": "400"}).invoke(afterword, ["sidecar", "--help"]).stdout
    for setting in SETTINGS:
        assert (setting.variable if setting.secret else setting.flag) in shown
    assert "--token" not in shown


def test_unwise_settings_are_warned_of() -> None:
    """Reachable from outside without a token, payloads for everybody, a book that is not kept."""
    unwise = read_settings(
        {"receiver_host": "0.0.0.0", "operators_host": "::", "database": ":memory:"}, {}
    )
    assert len(list(warnings(unwise))) == 3
    assert list(warnings(read_settings({}, {}))) == []


@pytest.mark.parametrize("missing", ["msgspec", "aiohttp", "google"])
def test_without_the_sidecar_extra_it_says_what_to_install(missing: str) -> None:
    """The base install has the command but not its dependencies: a hint, never a traceback."""
    blocked = {missing, *(name.partition(".")[0] for name in NEEDED[:1])}
    run = subprocess.run(
        [sys.executable, "-c", BLOCKING.format(packages=blocked)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 1
    assert "pip install 'afterword[sidecar]'" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """``afterword sidecar --help | head -1`` ends quietly."""
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(
        [sys.executable, "-m", "afterword_sidecar", "sidecar", "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert "Traceback" not in run.stderr
