"""The manifests: every field is one of Kubernetes', and the pod is what the documents promise."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from afterword_sidecar.settings import read_settings
from examples.kubernetes.everything import HERE, everything

STRICT: Final = (sys.executable, "-m", "kubernetes_validate", "--strict")
SHOP: Final[list[dict[str, Any]]] = list(yaml.safe_load_all((HERE / "shop.yaml").read_text()))
POD: Final[dict[str, Any]] = SHOP[0]["spec"]["template"]["spec"]
_BINARY: Final = {"Mi": 2**20, "Gi": 2**30}


def validated(manifest: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STRICT, manifest], capture_output=True, text=True, check=False, timeout=60
    )


def size(text: str) -> int:
    found = re.fullmatch(r"(\d+)(Mi|Gi)", text)
    assert found
    return int(found[1]) * _BINARY[found[2]]


def volume(name: str) -> dict[str, Any]:
    (found,) = (each for each in POD["volumes"] if each["name"] == name)
    volume: dict[str, Any] = found["emptyDir"]
    return volume


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container["env"]}


@pytest.mark.parametrize("name", ["shop.yaml", "everything.yaml"])
def test_the_manifests_are_valid(name: str) -> None:
    """By the schemas of Kubernetes, offline; ``--strict`` knows typos."""
    checked = validated(HERE / name)
    assert (checked.returncode, "ERROR" in checked.stderr) == (0, False), checked.stderr


def test_a_typo_is_found(tmp_path: Path) -> None:
    """The judge judges: a misspelt field of the sidecar is refused."""
    wrong = tmp_path / "shop.yaml"
    wrong.write_text((HERE / "shop.yaml").read_text().replace("restartPolicy:", "restartsPolicy:"))
    assert validated(wrong).returncode != 0


def test_everything_is_up_to_date() -> None:
    """Dashboards, rules and configuration as they are; else `make dashboards`."""
    assert (HERE / "everything.yaml").read_text() == everything()


def test_the_sidecar_is_native_and_sealed() -> None:
    """Starts first, stops last, has no readiness of its own, and needs nothing writable."""
    (sidecar,) = POD["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    assert "readinessProbe" not in sidecar
    assert "lifecycle" not in sidecar
    assert sidecar["securityContext"]["readOnlyRootFilesystem"] is True
    assert sidecar["securityContext"]["runAsUser"] == POD["securityContext"]["fsGroup"] == 10001
    settings = read_settings({}, environment(sidecar))
    assert settings.upstream.traces is not None
    assert settings.receiver_host == "127.0.0.1"
    port = settings.trace_url.split("/")[2].removeprefix("localhost:")
    assert f"port-forward service/jaeger {port}" in (HERE / "README.md").read_text()


def test_the_spool_is_bounded_well_below_its_volume() -> None:
    """An emptyDir that overruns its limit has its pod evicted: at most half of it is written."""
    (application,), (sidecar,) = POD["containers"], POD["initContainers"]
    spool = volume("spool")
    assert spool["medium"] == "Memory"
    told = environment(application)
    assert int(told["AFTERWORD_SPOOL_MAX_BYTES"]) <= size(spool["sizeLimit"]) // 2
    # What lies in it counts as the memory of whoever wrote it.
    memory = size(application["resources"]["limits"]["memory"])
    assert int(told["AFTERWORD_SPOOL_MAX_BYTES"]) < memory // 2
    paths = [
        mount["mountPath"]
        for container in (application, sidecar)
        for mount in container["volumeMounts"]
        if mount["name"] == "spool"
    ]
    assert paths == [told["AFTERWORD_SPOOL"]] * 2
