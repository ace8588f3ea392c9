"""For tests of applications: what became of their deferred work, asserted without a sidecar.

pytest finds the fixtures ``deferred_tasks`` and ``deferred_effects`` by itself. Nothing of this is
imported by ``import afterword``.
"""

from afterword.testing.deferred_tasks import DeferredTasks
from afterword.testing.effects import DeferredEffects, Effect
from afterword.testing.recording import RecordingDelivery, recording
from afterword.testing.switch import is_testing, set_testing
from afterword.testing.tasks import DeferredTask, Tasks

__all__ = [
    "DeferredEffects",
    "DeferredTask",
    "DeferredTasks",
    "Effect",
    "RecordingDelivery",
    "Tasks",
    "is_testing",
    "recording",
    "set_testing",
]
