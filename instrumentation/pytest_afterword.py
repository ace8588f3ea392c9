"""The pytest plugin: fixtures and one option, all of which lie in ``afterword.testing``.

A module of its own, because pytest imports its plugins in every run: this one costs half a
millisecond, where ``import afterword`` costs twenty.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from afterword.testing import DeferredEffects, DeferredTasks


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--afterword-kill-at-every-await``."""
    parser.getgroup("afterword").addoption(
        "--afterword-kill-at-every-await",
        action="store_true",
        dest="afterword_kill",
        help="run each test marked afterword_kill once per suspension point of its deferred tasks, "
        "kill it there, run what was cut off again, and fail if effects are lost or repeated",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marker; and the hooks that kill, if they were asked for."""
    config.addinivalue_line(
        "markers",
        "afterword_kill(at_most=100, timeout_seconds=60): with --afterword-kill-at-every-await, "
        "kill this test at each suspension point of its deferred tasks, the first at_most of them; "
        "no run of it may take longer than timeout_seconds",
    )
    if not config.getoption("afterword_kill"):
        return
    if not hasattr(os, "fork"):
        raise pytest.UsageError("--afterword-kill-at-every-await needs os.fork, which is not here")
    from afterword.testing.killing import hooks  # noqa: PLC0415 - of runs that ask for it

    config.pluginmanager.register(hooks, "afterword-kill-at-every-await")


@pytest.fixture
def deferred_tasks() -> "Iterator[DeferredTasks]":
    """The deferred tasks of this test: wait for them with ``drain()``, assert what became of them.

    Evidence stays in memory, and Afterword raises its own errors.
    """
    from afterword.testing import fixtures  # noqa: PLC0415 - of tests that ask for it

    with fixtures.deferred_tasks() as tasks:
        yield tasks


@pytest.fixture
def deferred_effects(tmp_path_factory: pytest.TempPathFactory) -> "DeferredEffects":
    """Where fakes tell what happened to the world outside: ``record("charged", order_id)``."""
    from afterword.testing import fixtures  # noqa: PLC0415 - of tests that ask for it

    return fixtures.deferred_effects(tmp_path_factory.mktemp)
