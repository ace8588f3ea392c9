"""The audit, from evidence to the API, the metrics and the terminal: what is missing, exactly."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from afterword_sidecar.cli import afterword
from afterword_sidecar.ledger import audit as ledger
from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.facts import Batch, Instance, Scheduled, Source
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Total
from afterword_sidecar.ledger.view import View
from afterword_sidecar.stores.sqlite import SqliteStore
from afterword_sidecar.web.api_views import moment
from worlds.operators_port import OperatorsPort

Run = Callable[..., Awaitable[Result]]
STREAM = bytes(range(16))
WAITED = 36.0
"""Longer than evidence may be on its way."""


async def audited(port: OperatorsPort) -> dict[str, Any]:
    (service,) = (await port.get("/api/v1/audit"))["services"]
    assert isinstance(service, dict)
    return service


async def test_a_whole_book_is_trusted(port: OperatorsPort, run: Run) -> None:
    """Everything numbered is here and every series adds up: green, exit code 0."""
    await port.told(port.scheduled(1), port.failed(2, 1), port.scheduled(3))
    await port.told(Instance(4, port.now, "beat", scheduled_total=2, settled_total=1))
    service = await audited(port)
    assert (service["trusted"], service["balanced"]) == (True, True)
    assert [service[key] for key in ("scheduled", "settled", "in_flight")] == [2, 1, 1]
    shown = await run("audit")
    assert shown.exit_code == 0
    assert "  complete\n" in shown.stdout


async def test_a_silence_without_a_goodbye_is_told_and_is_no_fault(
    port: OperatorsPort, run: Run
) -> None:
    """Idle, frozen or gone: nobody knows. Who promises to be heard is waited for as promised."""
    goodbye, leased, frozen = (bytes([number]) * 16 for number in (1, 2, 3))
    await port.told(Instance(1, port.now, "up"), Instance(2, port.now, "down"), stream=goodbye)
    await port.told(Instance(1, port.now, "up", lease_seconds=60.0), stream=leased)
    await port.told(Instance(1, port.now, "up"), stream=frozen)
    first = port.now
    for silent in (0, 1, 2):
        port.now = first + silent * WAITED
        service = await audited(port)
        assert (service["streams_silent"], service["trusted"]) == (silent, True)
    assert (await audited(port))["silent_since"] == moment(first)
    shown = await run("audit")
    assert shown.exit_code == 0
    assert "2 processes have been silent, the first since" in " ".join(shown.stdout.split())
    assert "  as told" in shown.stdout
    assert "complete" not in shown.stdout.partition("\n")[2]


async def test_what_is_missing_is_told_to_the_number(port: OperatorsPort, run: Run) -> None:
    """Ranges, since when, what was reported and what arrived; whole again when it comes."""
    await port.told(port.scheduled(1), port.scheduled(4))
    await port.told(Instance(9, port.now, "beat", scheduled_total=4, settled_total=2))
    port.now += WAITED
    found = await port.get("/api/v1/audit", service="shop")
    (service,) = found["services"]
    assert (found["trusted"], service["missing"]) == (False, 6)
    (fault,) = service["streams_at_fault"]
    assert fault["ranges"] == [{"first": 2, "last": 3}, {"first": 5, "last": 8}]
    assert (fault["missing"], fault["highest"], fault["state"]) == (6, 9, "live")
    assert (fault["scheduled_reported"], fault["scheduled_arrived"]) == (4, 2)
    assert (fault["settled_reported"], fault["settled_arrived"]) == (2, 0)
    shown = await run("audit")
    assert shown.exit_code == 3
    assert "6 of 9 numbers: 2 to 3, 5 to 8" in shown.stdout
    assert "2 tasks ended and their ends have not come" in shown.stdout
    assert json.loads((await run("audit", "--json")).stdout)["trusted"] is False
    await port.told(
        *(port.scheduled(n) for n in (2, 3)),
        *(port.failed(n, n - 4) for n in (5, 6)),
        *(Instance(n, port.now, "beat") for n in (7, 8)),
    )
    service = await audited(port)
    assert (service["trusted"], service["missing"], service["recovered"]) == (True, 0, 6)


async def test_a_service_that_nobody_ever_heard_of_is_not_trusted(
    port: OperatorsPort, run: Run, tmp_path: Path
) -> None:
    """A slip of the pen must not read as "all is well": it is said, with what the book knows."""
    heard_of = "this book has never heard of a service 'shpo'; "
    status, problem, _ = await port.ask("/api/v1/audit", service="shpo")
    assert (status, problem["parameter"]) == (404, "service")
    assert problem["detail"] == heard_of + "nothing was ever told to it"
    await port.told(port.scheduled(1))
    shown = await run("audit", "--service", "shpo")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert heard_of + "it knows shop" in shown.stderr
    SqliteStore(tmp_path / "book.db").close()
    arguments = ["audit", "--service", "shpo", "--database", str(tmp_path / "book.db")]
    of_file = CliRunner().invoke(afterword, arguments)
    assert of_file.exit_code == 1
    assert heard_of + "nothing was ever told to it" in of_file.stderr


async def test_an_error_that_repeats_what_clients_sent_drives_no_terminal(
    port: OperatorsPort, run: Run
) -> None:
    """The services that the book knows have names of anybody's choosing."""
    batch = Batch(Source(STREAM, "sh\x1b[31mop\nError: all is well"), [port.scheduled(1)], port.now)
    await port.service.submit([batch], 1)
    refused = await run("audit", "--service", "shpo")
    assert "it knows sh\\x1b[31mop\\nError: all is well" in refused.stderr


async def test_what_is_given_up_stays_missing_and_is_counted_once(port: OperatorsPort) -> None:
    """The process is dead: its holes are lost for good, for as long as the stream is remembered."""
    await port.told(port.scheduled(1), port.scheduled(4))
    await port.service.stream_ended(STREAM, alive_at=port.now)
    port.now += 2 * 3600
    service = await audited(port)
    assert [service[key] for key in ("trusted", "missing", "lost")] == [False, 0, 2]
    (fault,) = service["streams_at_fault"]
    assert (fault["state"], fault["given_up"]) == ("ended", 2)
    assert fault["why"] == ["2 records are lost"]


async def test_evidence_turned_away_is_told_and_counted(port: OperatorsPort, run: Run) -> None:
    """A closing of an opening that would come after it: refused, and a metric says so."""
    await port.told(port.scheduled(1), port.failed(2, 9))
    service = await audited(port)
    assert (service["trusted"], service["rejected"]) == (False, {"bad_opening_sequence": 1})
    assert "1 records rejected as bad_opening_sequence" in (await run("audit")).stdout
    _, metrics, _ = await port.ask("/metrics")
    counted = 'afterword_evidence_rejected_total{reason="bad_opening_sequence",service_name="shop"}'
    assert f"{counted} 1.0" in metrics


async def test_totals_ahead_of_evidence_on_its_way_are_no_fault(port: OperatorsPort) -> None:
    """A beat may tell of an end whose own record is the next to come."""
    await port.told(port.scheduled(1), Instance(2, port.now, "beat", 1, 1))
    assert (await audited(port))["trusted"] is True
    port.now += WAITED
    assert (await audited(port))["trusted"] is False


def test_a_series_that_does_not_add_up_is_named() -> None:
    """The audit can say no: a count too many is found, in its series, to the task."""
    labels = ("shop", "send_receipt", "vercel", "app")
    scheduled = Total("scheduled", labels, 3.0, 1.0)
    view = View({("scheduled", labels): scheduled}, {labels: 1.0}, {labels: 2})
    found = ledger.Auditing(10.0).found(view)
    assert not found.trusted
    (service,) = found.services
    assert service.imbalances == [ledger.SeriesImbalance(labels, 1.0)]


def test_a_book_is_audited_from_its_file(tmp_path: Path) -> None:
    """Where no sidecar runs: the same answer, and the same exit code."""
    file = tmp_path / "book.db"
    store = SqliteStore(file)
    book = Book(Limits(), store.load(), 1000.0)
    facts = (Scheduled(1, 1000.0, "t"), Scheduled(3, 1000.0, "t"))
    book.apply(Batch(Source(STREAM, "shop"), facts, 1000.0), 1000.0)
    store.commit(book.drain())
    store.close()
    shown = CliRunner().invoke(afterword, ["audit", "--database", str(file)])
    assert shown.exit_code == 3
    assert "1 of 3 numbers: 2" in shown.stdout
