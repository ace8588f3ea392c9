from collections.abc import Iterator

import pytest

from afterword import testing
from afterword.testing import RecordingDelivery


@pytest.fixture
def evidence() -> Iterator[RecordingDelivery]:
    """This process's evidence, kept in memory; errors of our own fail the test."""
    with testing.recording() as delivery:
        yield delivery
