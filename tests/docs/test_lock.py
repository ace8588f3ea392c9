"""What the container image is built from is what the project asks for, every file by its hash."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY: Final = Path(__file__).parents[2]
_PIN: Final = re.compile(r"^([\w.-]+)==(\S+?)(?: ;.*?)? \\$", re.MULTILINE)


def asked_for() -> dict[str, list[str]]:
    """The requirements behind each lock file."""
    project: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    told = project["project"]
    return {
        "requirements": [*told["dependencies"], *told["optional-dependencies"]["sidecar"]],
        "build": project["dependency-groups"]["image"],
    }


@pytest.mark.parametrize("lock", ["requirements", "build"])
def test_the_lock_has_all_that_is_asked_for(lock: str) -> None:
    """Run `make lock` when it does not: each requirement is pinned to a version that meets it."""
    text = (REPOSITORY / "sidecar" / "image" / f"{lock}.lock").read_text()
    pins = {canonicalize_name(name): version for name, version in _PIN.findall(text)}
    assert len(pins) == len(re.findall(r"^\S", text, re.MULTILINE))
    assert text.count("\n    --hash=sha256:") >= len(pins)
    unmet = [
        str(requirement)
        for requirement in map(Requirement, asked_for()[lock])
        if not requirement.specifier.contains(
            pins.get(canonicalize_name(requirement.name), "0"), prereleases=True
        )
    ]
    assert unmet == []
