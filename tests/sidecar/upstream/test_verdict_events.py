"""A verdict as an event: everything known of the task, and never its payload."""

from typing import Any

from msgspec.structs import replace
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from afterword import names
from afterword_sidecar.ledger.records import SettledTask
from afterword_sidecar.upstream.verdict_events import uid, verdict_event, verdicts_request
from worlds.bookkeeping import OTHER, TILL, letter, opening, rich_opening
from worlds.otlp_backend import values

RICH = replace(
    letter(of=rich_opening()).settled,
    settled_at=1e9 + 2,
    duration_seconds=1.5,
    error_type="ValueError",
    exception_type="shop.errors.NoSuchOrder",
    exception_message="no such order",
    exception_stacktrace="Traceback …",
    awaiting="httpx.AsyncClient.post at shop/receipts.py:42 in send",
    history=(letter(outcome="timed_out", reason="platform_deadline").settled.verdict,),
)


def event(settled: SettledTask) -> tuple[LogRecord, dict[str, Any]]:
    record = verdict_event(settled)
    return record, values(record.attributes)


def test_all_that_is_known_is_told() -> None:
    """Every attribute of a task with something in every field, and each where it belongs."""
    record, told = event(RICH)
    task, verdict = RICH.opening, RICH.verdict
    assert record.event_name == "deferred_task.verdict"
    assert record.trace_id + record.span_id == task.trace[:24]
    assert record.time_unix_nano == int(verdict.at * 1e9)
    assert record.severity_text == "ERROR"
    assert record.body.string_value == (
        f"{task.task}: dropped, instance_lost (inferred{'' if verdict.final else ', not final'})"
    )
    assert told[names.EVIDENCE] == [{"kind": "stream_ended", "sequence": 7, "time": verdict.at - 1}]
    assert told[names.CLOCK] == {"offset": 0.5, "grace": 2.0, "due": verdict.at}
    (earlier,) = told[names.HISTORY]
    assert (earlier["outcome"], earlier["reason"]) == ("timed_out", "platform_deadline")
    assert told[names.NAME] == task.task
    assert told[names.STREAM] == task.source.stream.hex()
    assert told[names.SEQUENCE] == task.sequence
    assert told[names.TASK_ID] == RICH.id
    assert (told[names.REVISION], told[names.RULE]) == (1, verdict.rule)
    assert told[names.SCHEDULED_TIME] == task.scheduled_at
    assert told[names.PAYLOAD_KEPT] is True
    the_rest = {
        *(names.DEADLINE, names.GUARD_LEAD, names.CODE_FUNCTION, names.HTTP_ROUTE),
        *(names.INVOCATION_ID, names.PARENT_SPAN_ID, names.LINKS, names.DEAD_LETTER),
        *(names.PAYLOAD_OMITTED, names.STARTED_TIME, names.PENDING_TIME, names.PENDING_REASON),
        *(names.AWAITING, names.ENDED_TIME, names.DURATION, names.ERROR_TYPE),
        *(names.EXCEPTION_TYPE, names.EXCEPTION_MESSAGE, names.EXCEPTION_STACKTRACE),
    }
    assert the_rest <= set(told)
    assert names.PAYLOAD not in told


def test_a_plain_task_has_only_what_is_known() -> None:
    """No empty attributes; without a trace no ids."""
    record, told = event(letter(of=opening(1), outcome="completed", reason="completed").settled)
    assert (record.trace_id, record.span_id, record.severity_text) == (b"", b"", "INFO")
    assert not [key for key, value in told.items() if value in ("", None, [], {})]
    assert names.DURATION not in told


def test_the_uid_tells_verdicts_apart_and_copies_together() -> None:
    """Another basis, finality or revision is another event; the same is the same."""
    versions = [
        replace(RICH, verdict=replace(RICH.verdict, final=False)),
        replace(RICH, verdict=replace(RICH.verdict, final=True)),
        replace(RICH, verdict=replace(RICH.verdict, final=True, basis="proven")),
        replace(RICH, history=()),
        letter(of=opening(1)).settled,
    ]
    assert len({uid(each) for each in versions}) == len(versions)
    assert uid(versions[0]) == uid(replace(versions[0]))


def test_each_event_comes_under_its_own_service() -> None:
    """Namespace and name are told apart again; the scope carries the stream."""
    tasks = [letter(of=opening(1)).settled, letter(of=opening(2, TILL, OTHER)).settled]
    request = ExportLogsServiceRequest.FromString(verdicts_request(tasks))
    shop, till = request.resource_logs
    assert values(shop.resource.attributes) == {
        names.SERVICE_NAME: "shop",
        names.SERVICE_NAMESPACE: "prod",
        names.SERVICE_INSTANCE_ID: "shop-1",
    }
    assert values(till.resource.attributes)[names.SERVICE_NAME] == "till"
    assert values(till.scope_logs[0].scope.attributes) == {names.STREAM: TILL.stream.hex()}
