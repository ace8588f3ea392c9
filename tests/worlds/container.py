"""An image as buildah has it, and containers of it made of the kernel's own parts.

No container engine is at hand in every place that can build an image. What one does is done here:
new mount and pid namespaces, the image's root read-only, its environment, user and command, its
volume bound to a directory, no capabilities to be gained. The network is the host's.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

REPOSITORY: Final = Path(__file__).parents[2]
PLACE: Final = REPOSITORY / "build" / "image"
PATIENCE_SECONDS: Final = 60.0
PRIVILEGES: Final = ("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all")


def buildah(*arguments: str) -> str:
    """What buildah prints."""
    storage = ("--root", str(PLACE / "storage"), "--runroot", str(PLACE / "run"))
    command = ("buildah", *storage, "--storage-driver", "vfs", *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Image:
    """The image, mounted once."""

    def __init__(self, name: str) -> None:
        self.config: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", name))[
            "Docker"
        ]["config"]
        self._container = buildah("from", "--pull-never", name)
        self.root = Path(buildah("mount", self._container))

    def remove(self) -> None:
        """Let go of it; the image itself stays."""
        buildah("rm", self._container)

    def run(
        self, state: Path, environment: Mapping[str, str], spool: Path | None = None
    ) -> "Container":
        """A container on ports of its own."""
        return Container(self, state, spool, environment)


class Container:
    """The sidecar in it, as process 1. A context: leaving it kills what still runs."""

    def __init__(
        self, image: Image, state: Path, spool: Path | None, environment: Mapping[str, str]
    ) -> None:
        self.image = image
        self.environment = {
            **dict(each.split("=", 1) for each in image.config["Env"]),
            "AFTERWORD_SIDECAR_LOG_FORMAT": "json",
            **environment,
        }
        self._lines: list[str] = []
        self._ready = threading.Event()
        self.addresses: dict[str, str] = {}
        mounts = {"/var/lib/afterword": state}
        if spool is not None:
            mounts["/var/spool/afterword"] = spool
        command = [*image.config["Entrypoint"], *image.config["Cmd"]]
        self._process = subprocess.Popen(
            contained(image.root, image.config["User"], mounts, self.environment, command),
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(PATIENCE_SECONDS) or not self.addresses:
            self._process.kill()
            raise AssertionError(f"the container did not start:\n{self.log}")

    @property
    def log(self) -> str:
        """What it has written to standard error."""
        return "".join(self._lines)

    @property
    def pid(self) -> int:
        """Of its process 1, as the host counts."""
        return process_one(self._process.pid)

    def health_check(self) -> subprocess.CompletedProcess[str]:
        """The image's own, run in the container as an engine would."""
        kind, *command = self.image.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        port = re.sub(r".*:", "", self.addresses["operators"])
        environment = {**self.environment, "AFTERWORD_SIDECAR_OPERATORS_PORT": port}
        inside = [
            *("nsenter", f"--target={self.pid}", "--mount", "--pid", "--root", "--wd=/"),
            *("setpriv", *PRIVILEGES, "--reuid=10001", "--regid=10001", "--clear-groups"),
            *("env", "-i", *(f"{key}={value}" for key, value in environment.items())),
            *command,
        ]
        return subprocess.run(inside, capture_output=True, text=True, check=False, timeout=30)

    def stop(self) -> int:
        """The image's stop signal to process 1; its exit code."""
        os.kill(self.pid, signal.Signals[self.image.config["StopSignal"]])
        return self._ended()

    def _ended(self) -> int:
        code = self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        if self._process.stderr is not None:
            self._process.stderr.close()
        return code

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._lines.append(line)
            if '"message": "ready"' in line:
                self.addresses = json.loads(line)
                self._ready.set()
        self._ready.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        self._ended()


def process_one(pid: int) -> int:
    """The process in the container that the process ``pid`` was started as, as the host counts."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def contained(
    root: Path,
    user: str,
    mounts: Mapping[str, Path],
    environment: Mapping[str, str],
    command: Sequence[str],
    tmpfs: Sequence[str] = (),
) -> list[str]:
    """The command line that runs ``command`` in a container.

    ``user`` is ``uid:gid``, or ``uid:gid:group`` with a further group.
    """
    at = shlex.quote(str(root))
    uid, gid, *others = user.split(":")
    groups = f"--groups={others[0]}" if others else "--clear-groups"
    becoming = f"{' '.join(PRIVILEGES)} --reuid={uid} --regid={gid} {groups}"
    steps = [
        # Places to mount at are made, as every engine does, before the root is closed.
        f"mkdir -p {' '.join(f'{at}{path}' for path in (*mounts, *tmpfs))}",
        f"mount --bind {at} {at}",
        f"mount -o remount,bind,ro {at}",
        f"mount -t proc proc {at}/proc",
        f"mount --bind /dev {at}/dev",
        *(f"mount -t tmpfs tmpfs {at}{path}" for path in tmpfs),
        *(f"mount --bind {shlex.quote(str(host))} {at}{path}" for path, host in mounts.items()),
        f'exec chroot {at} /usr/bin/setpriv {becoming} "$@"',
    ]
    script = " && ".join(steps)
    return [
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"),
        *("sh", "-c", script, "container"),
        *("/usr/bin/env", "-i", *(f"{key}={value}" for key, value in environment.items())),
        *command,
    ]
