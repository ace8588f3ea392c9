"""What is left of processes that stopped: where they reported to, and what the book then says."""

from typing import Any

from worlds.sidecar_process import PATIENT_EXIT, SidecarProcess, until


class Aftermath:
    """A sidecar that many processes report to, each as a service of its own."""

    def __init__(self, sidecar: SidecarProcess) -> None:
        self.sidecar = sidecar

    def environment(self, service: str, way: str) -> dict[str, str]:
        """Of a process that reports as ``service``, by ``http`` or ``spool``."""
        if way == "spool":
            return {"OTEL_SERVICE_NAME": service, "AFTERWORD_SPOOL": str(self.sidecar.spool)}
        return {
            "OTEL_SERVICE_NAME": service,
            "AFTERWORD_ENDPOINT": self.sidecar.receiver,
            **PATIENT_EXIT,
        }

    def letters(self, service: str, count: int) -> list[dict[str, Any]]:
        """The dead letters of a service, once there are so many."""

        def found() -> list[dict[str, Any]] | None:
            items: list[dict[str, Any]]
            items = self.sidecar.get("/api/v1/dead-letters", service=service)["items"]
            return items if len(items) >= count else None

        return until(found)

    def letter(self, service: str) -> dict[str, Any]:
        """The only dead letter of a service, once it is there."""
        [letter] = self.letters(service, 1)
        return letter

    def net(self, service: str) -> dict[str, float]:
        """How many tasks of a service stand under which outcome."""
        return self.sidecar.counts("afterword_tasks", "outcome", service_name=service)

    def is_pending(self, service: str, task: str) -> bool | None:
        """Whether the book has heard by now that an open task is pending."""
        items = self.sidecar.get("/api/v1/tasks", service=service)["items"]
        return any(item["task"] == task and item["pending"] for item in items) or None
