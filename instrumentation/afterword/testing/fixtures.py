"""What the fixtures of ``pytest_afterword`` give: of this test, or of the run it is part of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from afterword.testing.deferred_tasks import DeferredTasks
from afterword.testing.effects import DeferredEffects, EffectsInMemory
from afterword.testing.killing import run
from afterword.testing.recording import kept_in_memory


@contextmanager
def deferred_tasks() -> Iterator[DeferredTasks]:
    """The tasks that are handed over while the block runs."""
    if run.current is not None:
        yield DeferredTasks(run.current.delivery)
        return
    with kept_in_memory() as delivery:
        yield DeferredTasks(delivery)


def deferred_effects(make_directory: Callable[[str], Path]) -> DeferredEffects:
    """An outside world to which nothing happened yet; after a cut, the one that was cut off."""
    if run.current is not None:
        return DeferredEffects(run.current, run.current.world)
    return DeferredEffects(EffectsInMemory(), make_directory("deferred_effects"))
