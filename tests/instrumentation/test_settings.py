"""Settings: environment and ``configure``, all that is wrong told together."""

import asyncio
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import afterword
from afterword import deliveries, internal_errors, names, settings, testing
from afterword.delivery.spool import SpoolDelivery
from afterword.evidence import Failure, Instance, Settled
from afterword.otlp_json import Envelope
from afterword.settings import Settings, read
from afterword.testing import RecordingDelivery


def test_defaults_send_nothing() -> None:
    """Without variables: no delivery, no capture, a child span, an unknown service."""
    assert read({}, {}) == (Settings(), [])
    assert Settings().resource == ((names.SERVICE_NAME, "unknown_service"),)


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("AFTERWORD_SPOOL", "/spool", "spool", "/spool"),
        ("AFTERWORD_ENDPOINT", "http://h:4318/v1/logs", "endpoint", "http://h:4318"),
        ("AFTERWORD_TOKEN", "s3cret", "token", "s3cret"),
        ("AFTERWORD_CAPTURE", "1", "capture", True),
        ("AFTERWORD_CAPTURE_MAX_BYTES", "1000", "capture_max_bytes", 1000),
        ("AFTERWORD_REDACT_FIELDS", "iban, vat", "redact_fields", ("iban", "vat")),
        ("AFTERWORD_SPAN_PARENT", "link", "span_parent", "link"),
        ("AFTERWORD_EXIT_TIMEOUT_SECONDS", "0.5", "exit_timeout_seconds", 0.5),
        ("OTEL_SDK_DISABLED", "true", "sdk_disabled", True),
    ],
)
def test_variables(variable: str, text: str, field: str, value: object) -> None:
    """Each is read, and an argument of ``configure`` wins over it."""
    in_force, problems = read({variable: text}, {})
    assert (getattr(in_force, field), problems) == (value, [])
    assert getattr(read({variable: "nonsense"}, {field: value})[0], field) == value


def test_all_that_is_wrong_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning that names each with a hint, never the token; defaults in their place."""
    wrong = {
        "AFTERWORD_SPOOL": "relative/path",
        "AFTERWORD_ENDPOINT": "localhost:4318",
        "AFTERWORD_TOKEN": "t\u00f6p secret\n",
        "AFTERWORD_CAPTURE": "maybe",
        "AFTERWORD_CAPTURE_MAX_BYTES": "-1",
        "AFTERWORD_EXIT_TIMEOUT_SECONDS": "nan",
        "AFTERWORD_SPAN_PARENT": "sibling",
        "OTEL_RESOURCE_ATTRIBUTES": "service.version",
        "AFTERWORD_SPOL": "/p secret",
    }
    for variable, text in wrong.items():
        monkeypatch.setenv(variable, text)
    before = settings.in_force()
    with caplog.at_level(logging.WARNING, "afterword"):
        in_force = settings.load({})
    settings.restore(before)
    (record,) = caplog.records
    message = record.getMessage()
    assert all(variable in message for variable in wrong)
    assert "p secret" not in message
    assert in_force._replace(resource=()) == Settings()._replace(resource=())


@pytest.mark.parametrize(
    ("misspelt", "hint"),
    [
        ("AFTERWORD_ENDPONT", "did you mean AFTERWORD_ENDPOINT?"),
        ("AFTERWORD_CAPTUR", "did you mean AFTERWORD_CAPTURE?"),
        ("AFTERWORD_ENDPOINT_", "did you mean AFTERWORD_ENDPOINT?"),
        ("AFTERWORD_PORT", "it is ignored"),
    ],
)
def test_a_misspelt_variable_is_named_and_a_near_one_suggested(misspelt: str, hint: str) -> None:
    """Near by what follows the prefix; and its value, perhaps a secret, is not repeated."""
    in_force, problems = read({misspelt: "hunter2"}, {})
    assert in_force == Settings()
    assert list(map(str, problems)) == [f"{misspelt}: there is no such setting; {hint}"]


def test_other_variables_of_ours_and_those_of_kubernetes_are_no_mistakes() -> None:
    """The sidecar's stand in the same environment, a Service named afterword leaves its own."""
    environment = {
        "AFTERWORD_SIDECAR_GRCE": "1s",
        "AFTERWORD_URL": "http://127.0.0.1:9464",
        "AFTERWORD_SERVICE_HOST": "10.0.0.1",
        "AFTERWORD_CENTRAL_SERVICE_PORT_OTLP": "4318",
        "AFTERWORD_PORT": "tcp://10.0.0.1:4318",
        "AFTERWORD_PORT_4318_TCP_ADDR": "10.0.0.1",
    }
    assert read(environment, {}) == (Settings(), [])


def test_the_resource_is_read_as_the_sdk_reads_it() -> None:
    """%-encoding, and ``OTEL_SERVICE_NAME`` over the attribute."""
    in_force, _ = read(
        {
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=a,service.namespace=my%20shop",
            "OTEL_SERVICE_NAME": "orders",
        },
        {},
    )
    assert dict(in_force.resource) == {
        "service.name": "orders",
        "service.namespace": "my shop",
    }
    assert dict(read({}, {"service_name": "given"})[0].resource)["service.name"] == "given"


def test_spool_wins_over_endpoint(tmp_path: Path) -> None:
    """With both set the endpoint is never spoken to."""
    code = """
    import asyncio, afterword, sys
    async def work(): pass
    async def main(): await afterword.wait_until(work())
    asyncio.run(main())
    assert "http.client" not in sys.modules
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={
            **os.environ,
            "AFTERWORD_SPOOL": str(tmp_path),
            "AFTERWORD_ENDPOINT": "http://127.0.0.1:9",
            "OTEL_SERVICE_NAME": "orders",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (segment,) = tmp_path.glob("*.jsonl")
    assert '"orders"' in segment.read_text()


async def test_other_settings_begin_another_stream(evidence: RecordingDelivery) -> None:
    """Tasks handed over before go on in theirs; each stream's numbers begin at 1."""

    async def waiting(event: asyncio.Event) -> None:
        await event.wait()

    event = asyncio.Event()
    before = afterword.wait_until(waiting(event), name="before")
    with testing.recording() as second:
        after = afterword.wait_until(waiting(event), name="after")
        event.set()
        assert before is not None
        assert after is not None
        await asyncio.wait([before, after])
    assert evidence.outcomes() == {"before": ["completed"]}
    assert second.outcomes() == {"after": ["completed"]}
    assert [record.sequence for record in second.records] == [1, 2, 3, 4]


async def test_our_own_bug_is_told_once_and_costs_the_task_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In production an error of ours is logged, once per place; the work runs and is kept alive."""

    class Broken(RecordingDelivery):
        def send(self, record: Any) -> None:
            raise ZeroDivisionError

    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    with testing.recording():
        deliveries.use(lambda _stream: Broken())
        internal_errors.re_raise = False
        with caplog.at_level(logging.ERROR, "afterword"):
            for _ in range(3):
                future = afterword.wait_until(work())
                assert future is not None
                assert await future == 7
    assert len(caplog.records) == 1


async def test_a_logging_handler_that_raises_harms_no_task(tmp_path: Path) -> None:
    """``logging`` passes on what a handler raises: not to whoever hands a task over."""
    raised: list[str] = []

    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raised.append(record.name)
            raise ZeroDivisionError

    class Broken(RecordingDelivery):
        def send(self, record: Any) -> None:
            raise ZeroDivisionError

    no_directory = tmp_path / "file"
    no_directory.touch()
    handler = Raising()
    logging.getLogger("afterword").addHandler(handler)
    try:
        with testing.recording():
            deliveries.use(lambda _stream: Broken())
            internal_errors.re_raise = False
            assert await _done(afterword.wait_until(_seven(), deadline="soon")) == 7  # type: ignore[arg-type]
        spool = SpoolDelivery(str(no_directory), bytes(16), Envelope(bytes(16), {}, "1"))
        spool.send(Instance(1, 1, names.INSTANCE_UP, 0, 0))
    finally:
        logging.getLogger("afterword").removeHandler(handler)
    assert raised == ["afterword", "afterword", "afterword.delivery"]
    assert spool.lost == 1


async def _seven() -> int:
    return 7


async def _done(future: "asyncio.Future[int] | None") -> int:
    assert future is not None
    return await future


async def test_a_failure_that_cannot_be_described_is_told_all_the_same(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The closing has how it ended, and nothing else."""

    async def failing() -> None:
        raise ValueError

    def broken(*_: object, **__: object) -> Failure:
        raise ZeroDivisionError

    with testing.recording() as evidence, caplog.at_level(logging.ERROR, "afterword"):
        internal_errors.re_raise = False
        monkeypatch.setattr("afterword.failures.describe", broken)
        future = afterword.wait_until(failing())
        assert future is not None
        await asyncio.wait([future])
        (settled,) = evidence.of(Settled)
    assert (settled.outcome, settled.failure) == ("failed", Failure())
    assert len(caplog.records) == 1


def test_one_text_is_several_names(caplog: pytest.LogCaptureFixture) -> None:
    """A text is iterable: its characters are no names, its commas stand between them."""
    with testing.recording():
        afterword.configure(redact_fields="iban, tax_id", asyncio_tasks="shop.*")
        in_force = settings.current()
        assert (in_force.redact_fields, in_force.asyncio_tasks) == (("iban", "tax_id"), ("shop.*",))
        afterword.configure(spool=5, redact_fields=iter(["iban"]), asyncio_tasks=7)  # type: ignore[arg-type] # a caller's mistakes
        in_force = settings.current()
        assert (in_force.spool, in_force.redact_fields) == ("", ("iban",))
    assert "spool='5': must be an absolute path" in caplog.text
