"""Nested pytest runs: real ones, in processes and directories of their own."""

from collections.abc import Callable

import pytest

INI = """
[pytest]
addopts = --strict-markers --strict-config -p no:cacheprovider
filterwarnings = error
asyncio_mode = {mode}
asyncio_default_fixture_loop_scope = function
"""

Nested = Callable[..., pytest.RunResult]


@pytest.fixture
def nested(pytester: pytest.Pytester) -> Nested:
    """Runs pytest on a test module's text, with options, in a process of its own."""

    def run(text: str, *options: str, mode: str = "auto") -> pytest.RunResult:
        pytester.makefile(".ini", pytest=INI.format(mode=mode))
        pytester.makepyfile(test_shop=text)
        return pytester.runpytest_subprocess(*options)

    return run
