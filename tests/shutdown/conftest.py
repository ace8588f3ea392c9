"""One sidecar for all processes that stop: each reports as a service of its own."""

from collections.abc import Iterator

import pytest

from worlds.aftermath import Aftermath
from worlds.sidecar_process import SidecarProcess


@pytest.fixture(scope="session")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """A sidecar that does not wait long for what may still be on its way."""
    with SidecarProcess(tmp_path_factory.mktemp("sidecar"), "--grace", "0.1s") as sidecar:
        yield Aftermath(sidecar)
