"""How an instance stops: by the platform's SIGTERM, or by a task that ends the process."""

import signal
from typing import Any

from worlds.sidecar_process import SidecarProcess, until
from worlds.vercel_platform import PATIENCE_SECONDS, Instance


def test_sigterm(instance: Instance, sidecar: SidecarProcess, service: str) -> None:
    """The runtime waits for a task that hangs; the book learns at once that it will be cut off."""
    function = instance("asgi.py")
    function.invoke("/hangs")
    function.process.send_signal(signal.SIGTERM)

    def told() -> dict[str, Any] | None:
        items = sidecar.get("/api/v1/tasks", service=service)["items"]
        return next((item for item in items if item["pending"]), None)

    task = until(told)
    assert task["pending"]["reason"] == "shutdown"
    assert task["awaiting"].endswith("in hangs")
    assert function.process.poll() is None


def test_a_task_that_exits(instance: Instance, sidecar: SidecarProcess, service: str) -> None:
    """``SystemExit`` ends the process and cancels its siblings: it failed, they were dropped."""
    function = instance("asgi.py")
    function.invoke("/hangs,completes,exits")
    assert function.process.wait(PATIENCE_SECONDS) == 3

    def closed() -> dict[str, float] | None:
        reasons = sidecar.counts("afterword_tasks_settled_total", "reason", service_name=service)
        return reasons if sum(reasons.values()) == 3 else None

    assert until(closed) == {"completed": 1, "exception": 1, "shutdown": 1}


def test_a_durable_task_that_crashes(
    instance: Instance, sidecar: SidecarProcess, service: str
) -> None:
    """Its work began when the sidecar had its opening, so that not even this is unseen."""
    function = instance("asgi.py", AFTERWORD_DURABLE="true")
    function.invoke("/crashes", seconds=3)
    assert function.process.wait(PATIENCE_SECONDS) == 3

    def closed() -> bool | None:
        outcomes = sidecar.counts("afterword_tasks", "outcome", service_name=service)
        return outcomes == {"timed_out": 1} or None

    assert until(closed)
