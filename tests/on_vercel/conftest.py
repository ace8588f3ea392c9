"""Instances of functions on Vercel's runtime, and a sidecar that keeps their book."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from worlds.sidecar_process import PATIENT_EXIT, SidecarProcess
from worlds.vercel_platform import Instance, VercelPlatform

FUNCTIONS: Final = Path(__file__).parent / "functions"
TOKEN: Final = "one-that-is-only-for-these-tests"


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SidecarProcess]:
    """One for all tests: each reports as a service of its own."""
    folder = tmp_path_factory.mktemp("sidecar")
    with SidecarProcess(folder, "--grace", "100ms", AFTERWORD_TOKEN=TOKEN) as process:
        yield process


@pytest.fixture
def service(request: pytest.FixtureRequest) -> str:
    """The service's name in the book."""
    return str(request.node.name)


@pytest.fixture
def instance(tmp_path: Path, service: str, sidecar: SidecarProcess) -> Iterator[Instance]:
    """Starts instances of functions; they are gone when the test is over, and nothing broke."""
    started: list[VercelPlatform] = []
    with ExitStack() as stack:

        def start(file: str | Path, variable: str = "app", **environment: Any) -> VercelPlatform:
            folder = tmp_path / str(len(started))
            folder.mkdir()
            platform = VercelPlatform(
                folder,
                FUNCTIONS / file,
                variable,
                OTEL_SERVICE_NAME=service,
                AFTERWORD_TOKEN=TOKEN,
                **{"AFTERWORD_ENDPOINT": sidecar.receiver, **PATIENT_EXIT, **environment},
            )
            started.append(stack.enter_context(platform))
            return platform

        yield start
    for platform in started:
        assert "Please report this" not in platform.log
