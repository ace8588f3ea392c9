"""Cloud Run and the central sidecar: what can be read of their files is as their documents say."""

from pathlib import Path
from typing import Any, Final

import yaml

from afterword_sidecar.settings import read_settings

EXAMPLES: Final = Path(__file__).parents[2] / "examples"


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((EXAMPLES / name).read_text())
    return document


def test_cloud_run() -> None:
    """One port, which is the application's; CPU between requests; spool bounded; stops in time."""
    template = read("cloud-run/service.yaml")["spec"]["template"]
    assert template["metadata"]["annotations"]["run.googleapis.com/cpu-throttling"] == "false"
    shop, sidecar, metrics = template["spec"]["containers"]
    assert [each["name"] for each in template["spec"]["containers"] if "ports" in each] == ["shop"]
    told = {each["name"]: each["value"] for each in sidecar["env"]}
    settings = read_settings({}, told)
    assert settings.stop_seconds < 10
    assert settings.upstream.logs is not None
    asked = {each["name"]: each["value"] for each in shop["env"]}
    assert asked["AFTERWORD_SPOOL"] == settings.spool
    spool = next(each for each in template["spec"]["volumes"] if each["name"] == "spool")
    assert spool["emptyDir"] == {"medium": "Memory", "sizeLimit": "128Mi"}
    assert int(asked["AFTERWORD_SPOOL_MAX_BYTES"]) <= 64 * 2**20
    assert metrics["volumeMounts"][0]["name"] == "scraping"
    cpus = {float(each["resources"]["limits"]["cpu"]) for each in (shop, sidecar)}
    assert min(cpus) >= 1  # less has conditions that this service does not meet
    (endpoint,) = read("cloud-run/scraping.yaml")["spec"]["endpoints"]
    assert endpoint["port"] == settings.operators_port


def test_the_central_sidecar_is_reached_by_its_proxy_alone() -> None:
    """The receiver is published nowhere, the operators' port on this machine; a token is asked."""
    services = read("central-sidecar/compose.yaml")["services"]
    assert services["sidecar"]["ports"] == ["127.0.0.1:9464:9464"]
    assert services["sidecar"]["environment"]["AFTERWORD_TOKEN"].startswith("${TOKEN:?")
    proxied = (EXAMPLES / "central-sidecar/Caddyfile").read_text()
    assert "reverse_proxy sidecar:4318" in proxied
