"""What waits to be published, while the store cannot be read."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

import pytest

from afterword_sidecar.stores.contract import Store, StoreError
from afterword_sidecar.upstream.losses import Losses
from afterword_sidecar.upstream.stats import UpstreamStats
from afterword_sidecar.upstream.telling import Telling

T = TypeVar("T")


async def test_a_stop_while_the_store_fails_is_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It ends there and then: what waits is told at the next start."""

    async def failing(call: Callable[[Store], T]) -> T:
        raise StoreError(f"cannot read the book for {call}: the disk is gone: look at it")

    stopping = asyncio.Event()
    losses = Losses(
        failing, Telling(verdicts="lost", spans="none"), None, None, UpstreamStats(), stopping
    )
    stopping.set()
    async with asyncio.timeout(20):
        await losses.publish()
    assert [each.levelno for each in caplog.records] == [logging.WARNING] * 2  # one a signal
