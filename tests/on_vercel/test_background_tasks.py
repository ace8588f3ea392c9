"""FastAPI's background tasks on Vercel: the runtime knows nothing of them, the book does."""

from worlds.sidecar_process import SidecarProcess, until
from worlds.vercel_platform import Instance

SECONDS = 3.0


def test_they_are_told_before_the_freeze(
    instance: Instance, sidecar: SidecarProcess, service: str
) -> None:
    """Ended or skipped: it is in the book when the runtime says ``end``."""
    function = instance("background.py")
    function.invoke("/17/unhurried,completes,fails,completes")
    function.ended()
    function.freeze()
    reasons = sidecar.counts("afterword_tasks_settled_total", "reason", service_name=service)
    assert reasons == {"completed": 1, "exception": 1, "skipped": 1}
    platforms = sidecar.counts("afterword_tasks", "platform", service_name=service)
    assert platforms == {"starlette": 3}


def test_killed_at_its_deadline(instance: Instance, sidecar: SidecarProcess, service: str) -> None:
    """Vercel's deadline is the deadline of both, the one that hung and the one that never began."""
    function = instance("background.py", AFTERWORD_CAPTURE="true")
    function.kill_in(SECONDS)
    function.invoke("/17/hangs,completes", seconds=SECONDS)
    function.killed()

    def closed() -> dict[str, float] | None:
        outcomes = sidecar.counts("afterword_tasks", "outcome", service_name=service)
        return outcomes if set(outcomes) == {"timed_out"} else None

    assert until(closed) == {"timed_out": 2}
    letters = sidecar.get("/api/v1/dead-letters", service=service, include="payload")["items"]
    assert {letter["task"] for letter in letters} == {"hangs", "completes"}
    for letter in letters:
        assert letter["verdict"]["reason"] == "platform_deadline"
        assert letter["payload"] == {"arguments": {"order": 17}}
        assert letter["invocation"] == "fra1::1"
