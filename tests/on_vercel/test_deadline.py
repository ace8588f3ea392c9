"""The acceptance of all this: a function killed at its deadline, with tasks pending."""

from typing import Any

import pytest

from worlds.sidecar_process import SidecarProcess, until
from worlds.vercel_platform import Instance

SECONDS = 3.0


@pytest.mark.parametrize(
    ("file", "variable"),
    [("asgi.py", "app"), ("wsgi.py", "app"), ("handler_class.py", "handler")],
)
def test_killed_at_its_deadline(
    file: str, variable: str, instance: Instance, sidecar: SidecarProcess, service: str
) -> None:
    """Every task is in the book: outcome, reason, the frame it hung in, and its payload."""
    function = instance(file, variable, AFTERWORD_CAPTURE="true")
    function.kill_in(SECONDS)
    assert function.invoke("/completes,fails,hangs", seconds=SECONDS).body == "hello"
    function.killed()

    def closed() -> dict[str, float] | None:
        outcomes = sidecar.counts("afterword_tasks", "outcome", service_name=service)
        return outcomes if "timed_out" in outcomes else None

    assert until(closed) == {"completed": 1, "failed": 1, "timed_out": 1}
    letters = {letter["task"]: letter for letter in _letters(sidecar, service)}
    assert set(letters) == {"fails", "hangs"}
    for letter in letters.values():
        assert letter["payload"] == {"arguments": {"order": 17}}
        assert (letter["platform"], letter["invocation"]) == ("vercel", "fra1::1")
    assert letters["fails"]["error"]["type"] == "LookupError"
    verdict = letters["hangs"]["verdict"]
    assert (verdict["outcome"], verdict["reason"]) == ("timed_out", "platform_deadline")
    assert "work.py:" in letters["hangs"]["awaiting"]
    assert letters["hangs"]["awaiting"].endswith("in hangs")


def _letters(sidecar: SidecarProcess, service: str) -> list[dict[str, Any]]:
    items = sidecar.get("/api/v1/dead-letters", service=service)["items"]
    return [sidecar.get(f"/api/v1/dead-letters/{item['id']}") for item in items]
