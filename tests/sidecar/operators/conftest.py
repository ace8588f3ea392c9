"""The operators' port over a real book."""

from collections.abc import AsyncIterator

import pytest

from worlds.operators_port import OperatorsPort, operators_port


@pytest.fixture
async def port() -> AsyncIterator[OperatorsPort]:
    """Started, and stopped again."""
    async with operators_port() as running:
        yield running
