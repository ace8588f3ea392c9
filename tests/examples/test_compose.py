"""``compose.yaml``: what it mounts exists, what it sets is set, and its programs read their files.

That it comes up cannot be tried without an engine and a registry; everything it is made of can.
"""

import re
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import pytest
import yaml

from afterword_sidecar.settings import read_settings
from dashboards.mixin.config import Config
from worlds.programs import program
from worlds.prometheus import Alertmanager, Prometheus
from worlds.sidecar_process import PATIENCE_SECONDS, SidecarProcess

REPOSITORY: Final = Path(__file__).parents[2]
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
SERVICES: Final[dict[str, Any]] = COMPOSE["services"]
CONFIGURATION: Final = REPOSITORY / "examples" / "compose"


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((CONFIGURATION / name).read_text())
    return document


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_sealed_and_pinned(name: str) -> None:
    """Read-only, no capabilities; a version and never the latest; nobody listens beyond here."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    if "build" in service:
        assert (REPOSITORY / service["build"]["dockerfile"]).is_file()
    else:
        assert re.fullmatch(r"docker\.io/[\w./-]+:v?\d+\.\d+\.\d+", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_what_is_mounted_exists() -> None:
    """Files of the repository, and volumes that are declared."""
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            there = (
                (REPOSITORY / source).exists() if "/" in source else source in COMPOSE["volumes"]
            )
            assert there, mount


def test_the_sidecar_takes_the_settings_it_is_given() -> None:
    """Every variable is read, and its spans go to where the traces are."""
    settings = read_settings({}, SERVICES["sidecar"]["environment"])
    assert settings.upstream.traces is not None
    assert settings.upstream.traces.url == "http://jaeger:4318/v1/traces"
    assert settings.upstream.logs is None
    assert settings.trace_url.startswith("http://localhost:16686/trace/")
    assert "127.0.0.1:16686:16686" in SERVICES["jaeger"]["ports"]
    shop = SERVICES["shop"]["environment"]
    assert shop["AFTERWORD_SPOOL"] == settings.spool


def test_whoever_is_waited_for_says_when_it_is_healthy() -> None:
    """In this file, as an image may have lost its own check; Jaeger's promises no program."""
    asked = {name for name, service in SERVICES.items() if "healthcheck" in service}
    assert asked == SERVICES.keys() - {"jaeger"}
    for service in SERVICES.values():
        for other, waits in service.get("depends_on", {}).items():
            assert (other in asked, waits) == (True, {"condition": "service_healthy"})


def check(service: str, port: int, address: str) -> list[str]:
    """What a service's health check runs, against another port than its own."""
    kind, *command = SERVICES[service]["healthcheck"]["test"]
    assert (kind, f"127.0.0.1:{port}" in command[-1]) == ("CMD", True)
    return [part.replace(f"127.0.0.1:{port}", address) for part in command]


def answers(command: list[str]) -> bool:
    found = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_SECONDS)
    return found.returncode == 0


def test_the_sidecars_health_check_tells_life_from_death(tmp_path: Path) -> None:
    """The command as it stands here, at a real sidecar; and it is that of the image."""
    with SidecarProcess(tmp_path) as sidecar:
        address = sidecar.operators.removeprefix("http://")
        python, *arguments = check("sidecar", 9464, address)
        assert answers([sys.executable, *arguments])
    assert (python, answers([sys.executable, *arguments])) == ("python3", False)
    dockerfile = (REPOSITORY / "sidecar" / "Dockerfile").read_text()
    assert "/readyz', timeout=4)" in dockerfile
    central = yaml.safe_load((REPOSITORY / "examples/central-sidecar/compose.yaml").read_text())
    assert central["services"]["sidecar"]["healthcheck"] == SERVICES["sidecar"]["healthcheck"]


@pytest.mark.debian
def test_prometheus_and_alertmanager_answer_their_health_checks(tmp_path: Path) -> None:
    """The real programs have the addresses that their images' wget asks for."""
    with (
        Prometheus(tmp_path / "prometheus", "127.0.0.1:9") as prometheus,
        Alertmanager(tmp_path / "alertmanager") as alertmanager,
    ):
        for name, port, server in (
            ("prometheus", 9090, prometheus),
            ("alertmanager", 9093, alertmanager),
        ):
            *wget, url = check(name, port, server.address)
            assert wget == ["wget", "-q", "-O", "/dev/null"]
            with urlopen(url, timeout=PATIENCE_SECONDS) as response:
                assert response.status == HTTPStatus.OK


def test_the_spool_is_shared_in_memory_and_larger_than_it_may_grow() -> None:
    """One volume in both, of the group that both are of; 512 MiB where the bound is 256."""
    mounted = [
        name for name in SERVICES if f"spool:{_spool()}" in SERVICES[name].get("volumes", ())
    ]
    assert mounted == ["shop", "sidecar"]
    options = COMPOSE["volumes"]["spool"]["driver_opts"]
    assert options["type"] == "tmpfs"
    assert set(options["o"].split(",")) == {"size=512m", "mode=2770", "uid=10001", "gid=10001"}


def _spool() -> str:
    return str(SERVICES["sidecar"]["environment"]["AFTERWORD_SPOOL"])


@pytest.mark.debian
def test_prometheus_and_alertmanager_read_their_files() -> None:
    """By their own tools; the job has the name that dashboards and rules know."""
    for tool, *arguments in (
        ("promtool", "check", "config", "--syntax-only", "prometheus.yaml"),
        ("amtool", "check-config", "alertmanager.yaml"),
    ):
        checked = subprocess.run(
            [program(tool), *arguments],
            cwd=CONFIGURATION,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert checked.returncode == 0, checked.stderr
    (job,) = read("prometheus.yaml")["scrape_configs"]
    assert job["job_name"] == Config().job


def test_grafana_finds_its_sources_and_dashboards() -> None:
    """Exemplars lead to the traces; every dashboard there is is mounted where it is looked for."""
    sources = {each["uid"]: each for each in read("grafana/datasources.yaml")["datasources"]}
    (linked,) = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert linked == {"name": "trace_id", "datasourceUid": "jaeger"}
    assert linked["datasourceUid"] in sources
    (provider,) = read("grafana/dashboards.yaml")["providers"]
    folder = provider["options"]["path"]
    mounted = {
        Path(mount.split(":")[0]).name
        for mount in SERVICES["grafana"]["volumes"]
        if mount.split(":")[1].startswith(folder)
    }
    assert mounted == {path.name for path in (REPOSITORY / "dashboards").glob("*.json")}
    for source in sources.values():
        host, _, port = source["url"].removeprefix("http://").partition(":")
        assert host in SERVICES
        assert port.isdigit()
