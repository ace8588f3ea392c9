"""What is watched: every way to hold ``wait_until``, every kind of awaitable, every refusal."""

import sys
from pathlib import Path

from worlds.sidecar_process import SidecarProcess, until
from worlds.vercel_platform import Instance


def test_every_way_to_hold_it(instance: Instance, sidecar: SidecarProcess, service: str) -> None:
    """Imported before ``instrument``, called through closures, defaults and partials: watched.

    All evidence is in the book when the runtime says ``end``: from then on it may be frozen.
    """
    function = instance("asgi.py")
    function.invoke("/unhurried,completes,closure,partial,default,courier,nests,threads,fails,own")
    function.ended()
    function.freeze()
    assert sidecar.counts("afterword_tasks", "outcome", service_name=service) == {
        "completed": 10,
        "failed": 1,
    }
    assert sidecar.counts("afterword_tasks", "task", service_name=service) == {
        "completes": 6,
        "Courier": 1,
        "nests": 1,
        "nests_from_a_thread": 1,
        "fails": 1,
        "own": 1,
    }
    platforms = sidecar.counts("afterword_tasks", "platform", service_name=service)
    assert platforms == {"vercel": 11}
    function.logged("own returned None")
    assert "no such order: 17" in function.logged("wait_until task failed")


def test_no_line_changed(instance: Instance, sidecar: SidecarProcess, service: str) -> None:
    """``opentelemetry-instrument`` and a function that knows nothing of us: in the book."""
    command = Path(sys.executable).with_name("opentelemetry-instrument")
    function = instance("plain.py", through=[str(command)])
    function.invoke()
    function.ended()

    def booked() -> bool | None:
        outcomes = sidecar.counts("afterword_tasks", "outcome", service_name=service)
        return outcomes == {"completed": 1} or None

    assert until(booked)


def test_the_same_awaitable_twice(
    instance: Instance, sidecar: SidecarProcess, service: str
) -> None:
    """The runtime runs it once, and the book has it once."""
    function = instance("asgi.py")
    function.invoke("/unhurried,twice")
    function.ended()
    outcomes = sidecar.counts("afterword_tasks", "outcome", service_name=service)
    assert outcomes == {"completed": 1}


def test_outside_of_an_invocation(
    instance: Instance, sidecar: SidecarProcess, service: str
) -> None:
    """The SDK closes a coroutine in silence: ``dropped/no_context``. A Task goes on by itself."""
    function = instance("outside.py")
    function.invoke("/thread")
    function.ended()

    def booked() -> bool | None:
        reasons = sidecar.counts("afterword_tasks_settled_total", "reason", service_name=service)
        return reasons == {"no_context": 2, "completed": 1} or None

    assert until(booked)
    assert "never awaited" not in function.log


def test_after_the_invocation_ended(
    instance: Instance, sidecar: SidecarProcess, service: str
) -> None:
    """The runtime's RuntimeError reaches the caller: ``dropped/refused``. A Task goes on."""
    function = instance("outside.py")
    function.invoke("/detach", invocation="1")
    function.ended("1")
    function.invoke("/release", invocation="2")
    function.logged("refused: wait_until cannot be called after the invocation ended")

    def booked() -> bool | None:
        reasons = sidecar.counts("afterword_tasks_settled_total", "reason", service_name=service)
        return reasons == {"refused": 1, "completed": 1} or None

    assert until(booked)
    assert until(lambda: function.log.count("refused: wait_until") == 2 or None)
    assert "never awaited" not in function.log
