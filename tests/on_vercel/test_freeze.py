"""How evidence leaves: in few requests, before the freeze, and without holding anything up."""

import time
from pathlib import Path

from worlds.ports import held_port
from worlds.scripted_sidecar import HANG, ScriptedSidecar, attributes
from worlds.sidecar_process import SidecarProcess, until
from worlds.vercel_platform import Instance


def test_short_tasks_leave_in_one_request(instance: Instance) -> None:
    """A warm invocation: openings, closings and the invocation's own record are one request."""
    with ScriptedSidecar() as collector:
        function = instance("asgi.py", AFTERWORD_ENDPOINT=collector.endpoint)
        function.invoke("/unhurried,completes", invocation="cold")
        function.ended("cold")
        cold = len(collector.requests)
        function.invoke("/completes,fails", invocation="warm")
        function.ended("warm")
        (request,) = collector.requests[cold:]
        told = [attributes(record) for record in request.records]
        (invocation,) = (each for each in told if "deferred_task.invocation.scheduled" in each)
        assert invocation["faas.invocation_id"] == "fra1::warm"
        assert int(invocation["deferred_task.invocation.scheduled"]) == 2
        assert int(invocation["deferred_task.invocation.started"]) == 2


def test_a_hanging_sibling_hides_nothing(
    instance: Instance, sidecar: SidecarProcess, service: str
) -> None:
    """What failed is in the book while another hangs; other invocations come and go meanwhile."""
    function = instance("asgi.py")
    function.invoke("/fails,hangs", invocation="1")
    function.invoke("/completes", invocation="2")
    function.ended("2")

    def booked() -> bool | None:
        outcomes = sidecar.counts("afterword_tasks", "outcome", service_name=service)
        return outcomes == {"completed": 1, "failed": 1, "in_flight": 1} or None

    assert until(booked)
    ends = [each["payload"] for each in function.messages if each["type"] == "end"]
    assert [each["context"]["invocationId"] for each in ends] == ["2"]


def test_what_could_not_leave_goes_with_the_next_invocation(
    instance: Instance, tmp_path: Path, service: str
) -> None:
    """The sidecar is gone and the drain ends all the same; once it is back nothing is missing."""
    with held_port() as port:
        function = instance("asgi.py", AFTERWORD_ENDPOINT=f"http://127.0.0.1:{port}")
        function.invoke("/completes,fails", invocation="1")
        function.ended("1")
        function.freeze()
        with SidecarProcess(tmp_path, "--receiver-port", str(port)) as back:
            function.thaw()
            function.invoke("/unhurried,completes", invocation="2")
            function.ended("2")
            function.freeze()
            outcomes = back.counts("afterword_tasks", "outcome", service_name=service)
            assert outcomes == {"completed": 2, "failed": 1}
            assert back.counts("afterword_evidence_holes", "service_name") == {}


def test_a_hanging_sidecar_does_not_hold_the_drain(instance: Instance) -> None:
    """The response is there, and the end follows within the patience, not within the deadline."""
    with ScriptedSidecar(HANG, HANG) as hanging:
        function = instance("asgi.py", AFTERWORD_ENDPOINT=hanging.endpoint)
        assert function.invoke("/completes", seconds=3600).body == "hello"
        answered = time.monotonic()
        assert function.ended()["at"] - answered < 30
