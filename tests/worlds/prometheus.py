"""The real Prometheus and the real Alertmanager, each on a port of its own."""

import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlencode
from urllib.request import urlopen

from worlds.programs import program
from worlds.sidecar_process import PATIENCE_SECONDS

_LISTENS: Final = re.compile(r'msg="Listening on" address=(127\.0\.0\.1:\d+)')


class _Server:
    """A child process that logs where it listens, and when it is ready."""

    def __init__(self, command: Sequence[str | Path], ready: str) -> None:
        self._lines: list[str] = []
        self._ready = threading.Event()
        self.process = subprocess.Popen(
            command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self._reader.start()
        listens = self._ready.wait(PATIENCE_SECONDS) and _LISTENS.search(self.log)
        if not listens:
            self.__exit__()
            raise AssertionError(f"{command[0]} did not start:\n{self.log}")
        self.address = listens[1]

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return "".join(self._lines)

    def get(self, path: str, **parameters: str | float) -> Any:
        """The JSON of an answer that must be 200."""
        url = f"http://{self.address}{path}?{urlencode(parameters)}"
        with urlopen(url, timeout=PATIENCE_SECONDS) as response:
            return json.load(response)

    def _read(self, ready: str) -> None:
        assert self.process.stdout is not None
        is_ready = listens = False
        for line in self.process.stdout:
            self._lines.append(line)
            # Either may be said first.
            is_ready, listens = is_ready or ready in line, listens or bool(_LISTENS.search(line))
            if is_ready and listens:
                self._ready.set()
        self._ready.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()


class Alertmanager(_Server):
    """It tells nobody: what it holds is read from its API."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        config = folder / "alertmanager.yml"
        config.write_text('{"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}')
        super().__init__(
            [
                program("prometheus-alertmanager"),
                f"--config.file={config}",
                f"--storage.path={folder}",
                "--web.listen-address=127.0.0.1:0",
                "--cluster.listen-address=",
            ],
            ready="Listening on",
        )

    def alerts(self, name: str, service: str) -> list[dict[str, Any]]:
        """Those of a name that are active for a service."""
        found: list[dict[str, Any]] = self.get(
            "/api/v2/alerts", filter=f'alertname="{name}"', active="true"
        )
        return [alert for alert in found if alert["labels"].get("service_name") == service]


class Prometheus(_Server):
    """It scrapes one sidecar every second and evaluates its rules as often."""

    def __init__(
        self,
        folder: Path,
        sidecar: str,
        rules: Sequence[Path] = (),
        alertmanager: Alertmanager | None = None,
    ) -> None:
        folder.mkdir()
        target = sidecar.removeprefix("http://")
        config: dict[str, Any] = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in rules],
            "scrape_configs": [
                {"job_name": "afterword", "static_configs": [{"targets": [target]}]}
            ],
        }
        if alertmanager is not None:
            managers = [{"static_configs": [{"targets": [alertmanager.address]}]}]
            config["alerting"] = {"alertmanagers": managers}
        path = folder / "prometheus.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        self.started_at = time.time()
        super().__init__(
            [
                program("prometheus"),
                f"--config.file={path}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--web.listen-address=127.0.0.1:0",
                "--enable-feature=exemplar-storage",
            ],
            ready="Server is ready to receive web requests",
        )

    def now(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query."""
        answer = self.get("/api/v1/query", query=expression)
        assert answer["data"]["resultType"] == "vector", expression
        samples: list[dict[str, Any]] = answer["data"]["result"]
        return samples

    def value(self, expression: str) -> float | None:
        """The value of an expression of one series, if there is one."""
        samples = self.now(expression)
        return float(samples[0]["value"][1]) if samples else None

    def ever(self, expression: str, step: float = 1.0) -> list[dict[str, Any]]:
        """The series of a range query over all it has seen."""
        answer = self.get(
            "/api/v1/query_range",
            query=expression,
            start=self.started_at,
            end=time.time(),
            step=step,
        )
        series: list[dict[str, Any]] = answer["data"]["result"]
        return series

    def exemplars(self, expression: str) -> list[dict[str, Any]]:
        """The exemplars of an expression's series."""
        answer = self.get(
            "/api/v1/query_exemplars",
            query=expression,
            start=self.started_at,
            end=time.time(),
        )
        return [each for series in answer["data"] for each in series["exemplars"]]

    def rules(self) -> list[dict[str, Any]]:
        """All rules with their health."""
        groups = self.get("/api/v1/rules")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]
