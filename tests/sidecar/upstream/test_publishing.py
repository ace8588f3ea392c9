"""Verdicts and missing spans: told as they come to be, and told again where nobody confirmed."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from aiohttp import web

from afterword_sidecar.ledger.facts import Scheduled, Settled, Source
from afterword_sidecar.upstream import Telling
from worlds.otlp_backend import HANG, Backend, Got
from worlds.otlp_requests import STREAM, encode, logs, scheduled, settled
from worlds.sidecar_process import PATIENCE_SECONDS

TRACE, OWN = b"t" * 16, b"s" * 8


def opening(sequence: int = 1, **more: Any) -> Scheduled:
    """Handed over now, in a sampled trace."""
    ids: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": OWN,
        "parent_span_id": b"p" * 8,
        "sampled": True,
    }
    return Scheduled(sequence, time.time(), "send_receipt", **(ids | more))


def closing(sequence: int, of: int, outcome: str = "completed", reason: str = "completed") -> Any:
    at = time.time()
    return Settled(sequence, of, at, "send_receipt", outcome, reason, scheduled_at=at - 1)


def told(backend: Backend) -> list[str]:
    """The verdicts, as ``sequence outcome basis final``."""
    return [
        f"{each['sequence']} {each['outcome']} {each['basis']} {'final' if each['final'] else '-'}"
        for each in backend.verdicts()
    ]


def plain(status: int) -> web.Response:
    return web.Response(status=status)


async def test_what_completed_and_what_failed_is_told_and_no_span_is_made_up(
    backend: Backend, sidecar: Any
) -> None:
    """Both ended their own spans: events only, under the trace of each."""
    await sidecar.tell(opening(1), opening(3, payload='{"card": "4111"}'))
    await sidecar.tell(closing(2, 1), closing(4, 3, "failed", "exception"))
    await backend.until(lambda: len(backend.verdicts()) == 2)
    await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert sorted(told(backend)) == ["1 completed observed final", "3 failed observed final"]
    assert {told.record.trace_id for told in backend.records()} == {TRACE}
    assert backend.spans() == []
    assert not any(b"4111" in got.plain for got in backend.got)


async def test_a_lost_tasks_span_arrives_once_with_its_verdict(
    backend: Backend, sidecar: Any
) -> None:
    """Its process died: the event, and the span that it never sent, with its own ids."""
    await sidecar.tell(opening(1))
    await sidecar.die()
    await backend.until(lambda: backend.verdicts() and backend.spans())
    await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert told(backend) == ["1 dropped proven final"]
    (span,) = backend.spans()
    assert (span.record.trace_id, span.record.span_id) == (TRACE, OWN)
    assert span.record.end_time_unix_nano > span.record.start_time_unix_nano
    assert span.resource["service.name"] == "shop"
    assert sidecar.upstream.stats.missing_spans_sent == 1


async def test_inferred_then_final_then_proven_then_amended(
    backend: Backend, start_sidecar: Any
) -> None:
    """An event for each, the span when it becomes final, and never a second one."""
    sidecar = await start_sidecar(backend.destinations(), finality_seconds=0.01)
    await sidecar.tell(opening(1, deadline=time.time() + 0.01), same_clock=False)
    await backend.until(backend.spans)
    await sidecar.die()
    await backend.until(lambda: "1 timed_out proven final" in told(backend))
    await sidecar.tell(opening(9, span_id=b"9" * 8))  # proof that came too early is not the end
    await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert len([span for span in backend.spans() if span.record.span_id == OWN]) == 1
    events = [each for each in told(backend) if each.startswith("1 ")]
    assert events[-2:] == ["1 timed_out inferred final", "1 timed_out proven final"]
    assert len({each["log.record.uid"] for each in backend.verdicts()}) == len(backend.verdicts())


async def test_an_amendment_after_the_span_is_an_event_only(
    backend: Backend, start_sidecar: Any
) -> None:
    """A frozen process thawed: it completed after all, and has sent its span itself by now."""
    sidecar = await start_sidecar(backend.destinations(), finality_seconds=0.01)
    await sidecar.tell(opening(1, deadline=time.time() + 0.01), same_clock=False)
    await backend.until(backend.spans)
    await sidecar.tell(closing(2, 1), same_clock=False)
    await backend.until(lambda: "1 completed observed final" in told(backend))
    await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert len(backend.spans()) == 1
    amended = backend.verdicts()[-1]
    assert amended["revision"] == 1
    assert [each["outcome"] for each in amended["history"]] == ["timed_out"]


async def test_before_it_is_final_no_span_is_sent(backend: Backend, sidecar: Any) -> None:
    """It may thaw, and send it itself."""
    await sidecar.tell(opening(1, deadline=time.time() + 0.01), same_clock=False)
    await backend.until(backend.verdicts)
    await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert told(backend) == ["1 timed_out inferred -"]
    assert backend.spans() == []


@pytest.mark.parametrize(
    ("telling", "verdicts", "spans"),
    [
        (Telling("all", "all"), 3, 2),
        (Telling("lost", "sampled"), 2, 1),
        (Telling("none", "none"), 0, 0),
    ],
)
async def test_what_is_told_is_a_setting(
    backend: Backend, start_sidecar: Any, telling: Telling, verdicts: int, spans: int
) -> None:
    """Verdicts: all, of the lost, or none. Spans: all, of recorded traces, or none."""
    sidecar = await start_sidecar(backend.destinations(), telling=telling)
    await sidecar.tell(opening(1), opening(2, sampled=False, span_id=b""), opening(3))
    await sidecar.tell(closing(4, 3))
    await sidecar.die()
    await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert (len(backend.verdicts()), len(backend.spans())) == (verdicts, spans)


async def test_a_loss_is_told_under_the_resource_of_its_process_after_a_restart_too(
    backend: Backend, start_sidecar: Any
) -> None:
    """What the process says of itself is told with its verdicts and its missing spans."""
    resource: dict[str, Any] = {"service.name": "shop", "service.instance.id": "i"}
    resource |= {"k8s.pod.name": "p1", "process.pid": 4711, "share": 0.5, "spot": True}
    ids: dict[str, Any] = {"traceId": TRACE.hex(), "spanId": OWN.hex(), "flags": 1}
    first = await start_sidecar(backend.destinations())
    records = [scheduled(each, **ids) for each in (1, 2)]
    assert await first.post("logs", encode(logs(records, resource=resource), "protobuf")) == 200
    ended = settled(3, 2, {"outcome": "failed", "reason": "exception"})
    assert await first.post("logs", encode(logs([ended], resource=resource), "protobuf")) == 200
    await backend.until(backend.verdicts)
    await first.upstream.stop(PATIENCE_SECONDS)
    await first.service.stop()
    second = await start_sidecar(backend.destinations())
    await second.die(Source(bytes.fromhex(STREAM), "shop"))
    await backend.until(lambda: len(backend.verdicts()) == 2 and backend.spans())
    await second.upstream.stop(PATIENCE_SECONDS)
    assert sorted(told(backend)) == ["1 dropped proven final", "2 failed observed final"]
    assert [each.resource for each in (*backend.records(), *backend.spans())] == [resource] * 3


async def test_losses_that_nobody_confirmed_are_told_by_the_next_run(
    backend: Backend, start_sidecar: Any
) -> None:
    """Upstream hangs, the sidecar ends: after its start it is all there, as the same events."""
    backend.always = lambda _got: HANG
    first = await start_sidecar(backend.destinations())
    await first.tell(opening(1), opening(2, span_id=b"2" * 8))
    await first.die()
    await backend.until(lambda: backend.got)
    await first.upstream.stop(0.01)
    await first.service.stop()
    backend.always = lambda _got: None
    second = await start_sidecar(backend.destinations())
    await backend.until(lambda: len(backend.verdicts()) == len(backend.spans()) == 2)
    await second.upstream.stop(PATIENCE_SECONDS)
    uids = Counter(each["log.record.uid"] for each in backend.verdicts())
    assert set(uids.values()) == {1}
    assert second.upstream.stats.verdicts_unpublished == 0


async def test_what_upstream_confirmed_is_not_told_again(
    backend: Backend, start_sidecar: Any
) -> None:
    """A restart begins where the last run ended."""
    first = await start_sidecar(backend.destinations())
    await first.tell(opening(1))
    await first.die()
    await backend.until(lambda: backend.verdicts() and backend.spans())
    await first.upstream.stop(PATIENCE_SECONDS)
    await first.service.stop()
    second = await start_sidecar(backend.destinations())
    await second.upstream.stop(PATIENCE_SECONDS)
    assert (len(backend.verdicts()), len(backend.spans())) == (1, 1)


@pytest.mark.parametrize("refused", ["/v1/traces", "/v1/logs"])
async def test_a_signal_that_upstream_refuses_holds_up_nothing_of_the_other(
    backend: Backend, start_sidecar: Any, refused: str
) -> None:
    """404 for one path: the other has all; after a mend and a restart so has it, and none twice."""
    backend.always = lambda got: plain(404) if got.path == refused else None
    first = await start_sidecar(backend.destinations())
    has: Callable[[], Sequence[object]] = (
        backend.verdicts if refused == "/v1/traces" else backend.spans
    )
    for number in (1, 2):
        await first.tell(opening(number, span_id=bytes([number]) * 8))
    await first.die()
    await backend.until(lambda: len(has()) == 2)
    await first.upstream.stop(PATIENCE_SECONDS)
    await first.service.stop()
    assert len(backend.verdicts()) + len(backend.spans()) == 2
    backend.always = lambda _got: None
    second = await start_sidecar(backend.destinations())
    await backend.until(lambda: len(backend.verdicts()) + len(backend.spans()) == 4)
    await second.upstream.stop(PATIENCE_SECONDS)
    assert (len(backend.verdicts()), len(backend.spans())) == (2, 2)
    assert second.upstream.stats.verdicts_unpublished == 0


async def test_a_wrong_token_costs_time_and_no_verdict(backend: Backend, sidecar: Any) -> None:
    """401 and 404 are mended by somebody; meanwhile losses wait, and are all there afterwards."""
    backend.answers += [plain(401), plain(404), plain(500), plain(401)]
    await sidecar.tell(*(opening(each, trace_id=b"") for each in range(1, 4)))
    await sidecar.die()
    await backend.until(lambda: len(backend.verdicts()) == 3)


async def test_an_event_that_upstream_will_never_take_is_found_and_dropped_alone(
    backend: Backend, sidecar: Any
) -> None:
    """400 for whatever holds it: by halves, the other 24 arrive, once each."""

    def poisoned(got: Got) -> web.Response | None:
        return plain(400) if b"poison" in got.body else None

    backend.always = poisoned
    tasks = [opening(each, trace_id=b"") for each in range(1, 25)]
    await sidecar.tell(*tasks, Scheduled(25, time.time(), "poison"))
    await sidecar.die()
    await backend.until(lambda: len(backend.verdicts()) == 24)
    await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert sorted(each["sequence"] for each in backend.verdicts()) == list(range(1, 25))
    assert sidecar.upstream.stats.dropped == {("logs", "refused"): 1}
    assert sidecar.upstream.stats.verdicts_unpublished == 0


async def test_a_replay_that_was_lost_twice_over_has_one_span(
    backend: Backend, sidecar: Any
) -> None:
    """It leaves no letter of its own, so its span is told from memory; proof adds no second."""
    await sidecar.tell(opening(1, origin="replay", dead_letter="x-1"))
    await sidecar.die()
    await backend.until(backend.spans)
    await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert (told(backend), len(backend.spans())) == (["1 dropped proven final"], 1)
