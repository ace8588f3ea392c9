"""The example, as it would be deployed."""

from pathlib import Path
from typing import Any

from worlds.sidecar_process import SidecarProcess, until
from worlds.vercel_platform import Instance

EXAMPLE = Path(__file__).parents[2] / "examples" / "vercel" / "api" / "index.py"
SECONDS = 3.0


def test_the_example(instance: Instance, sidecar: SidecarProcess, service: str) -> None:
    """Good orders, a bad address, and one too large for the deadline: each as it truly went."""
    function = instance(EXAMPLE)
    for number in (1, 2):
        order = {"id": number, "email": "a@example.org", "items": 1}
        assert function.invoke("/orders", invocation=str(number), order=order).status == 202
        function.ended(str(number))
    function.kill_in(SECONDS)
    order = {"id": 3, "email": "nowhere", "items": 1000}
    function.invoke("/orders", invocation="3", order=order, seconds=SECONDS)
    function.killed()

    def letters() -> dict[str, Any] | None:
        items = sidecar.get("/api/v1/dead-letters", service=service)["items"]
        return {item["task"]: item for item in items} if len(items) == 2 else None

    found = until(letters)
    assert found["send_receipt"]["reason"] == "exception"
    assert found["tell_warehouse"]["reason"] == "platform_deadline"
    receipt = sidecar.get(f"/api/v1/dead-letters/{found['send_receipt']['id']}")
    assert receipt["payload"]["arguments"]["order"]["value"]["email"] == "nowhere"
    assert receipt["route"] == "/orders"
    awaiting = sidecar.get(f"/api/v1/dead-letters/{found['tell_warehouse']['id']}")["awaiting"]
    assert awaiting.startswith("asyncio.sleep at ")
    assert awaiting.endswith("in tell_warehouse")
    outcomes = sidecar.counts("afterword_tasks", "outcome", service_name=service)
    assert outcomes == {"completed": 4, "failed": 1, "timed_out": 1}
