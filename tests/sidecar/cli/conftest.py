"""The command line, run against a real operators' port."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from click.testing import CliRunner, Result

from afterword_sidecar.cli import afterword
from worlds.operators_port import OperatorsPort, operators_port

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def port() -> AsyncIterator[OperatorsPort]:
    """A running operators' port."""
    async with operators_port() as running:
        yield running


@pytest.fixture
def run(port: OperatorsPort) -> Run:
    """Run the command with these arguments, asking ``port``; in a thread, as it blocks."""

    def invoke(*arguments: str, **environment: str) -> Result:
        url = f"http://127.0.0.1:{port.client.port}"
        env = {"AFTERWORD_URL": url, "TERM": "xterm-256color", **environment}
        return CliRunner(env=env).invoke(afterword, arguments)

    async def in_thread(*arguments: str, **environment: str) -> Result:
        return await asyncio.to_thread(invoke, *arguments, **environment)

    return in_thread
