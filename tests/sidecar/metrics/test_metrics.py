"""The exposition: names, balance, zeroes, creation times, exemplars, and what form is sent."""

import gzip
from collections import defaultdict
from collections.abc import Iterable

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from afterword import names
from afterword_sidecar.ledger.facts import Source
from afterword_sidecar.ledger.records import OpenTask, Series, SettledTask, Total, Verdict
from afterword_sidecar.ledger.totals import DURATION_BOUNDS, Totals, possible_settlements
from afterword_sidecar.ledger.view import View
from afterword_sidecar.metrics import (
    Exemplars,
    Exposition,
    Itself,
    accepts_gzip,
    exemplars_of,
    families,
    negotiate,
    render,
)

ITSELF = Itself(
    started_at=1000.0,
    version="0.1.0",
    book_id="b" * 32,
    records_accepted=7,
    records_rejected={"stale": 0, "malformed": 2},
    requests={("logs", 200): 3},
    commit_seconds_bounds=(0.01, 1.0),
    commit_seconds=(2.0, 1.0, 0.0, 0.5),
)
RECEIPT = Series("shop", "send_receipt", "vercel", "app")
REPORT = Series("shop", "report", "vercel", "app")
LABELS = ("shop", "send_receipt", "vercel", "app")
TRACE = bytes(range(16)) + bytes(range(8)) + bytes(8) + b"\x01"


def booked() -> View:
    """Five receipts: one completed, one lost and then found completed, one failed, two open."""
    totals = Totals()
    account = totals.account(RECEIPT, 100.0)
    totals.schedule(account, 5)
    lost, found = ("dropped", "instance_lost"), ("completed", "completed", "observed")
    totals.settle(account, found, 101.0)
    totals.settle(account, (*lost, "inferred"), 102.0)
    totals.settle(account, ("failed", "exception", "observed"), 103.0)
    totals.amend(account, lost, found, 104.0)
    totals.observe("duration", account, 0.4, 101.0)
    totals.observe("duration", account, 1.0, 103.0)
    totals.add("evidence_lost", ("shop",), 105.0, 3)
    totals.add("dead_letters_buried", ("shop", "send_receipt", "failed"), 105.0)
    totals.account(REPORT, 90.0)
    totals.drain()
    report = ("shop", "report", "vercel", "app")
    return View(
        totals=totals.values,
        series_created={LABELS: 100.0, report: 90.0},
        in_flight={LABELS: 2},
        oldest_in_flight={("shop", "send_receipt"): 99.0},
        holes={"shop": 1},
        dead_letters_open={("shop", "send_receipt", "failed"): 1},
        streams_live=2,
        streams_ended=1,
        open_tasks=2,
    )


def settled(
    trace: bytes = TRACE, *, duration_seconds: float | None = 0.4, reason: str = "completed"
) -> SettledTask:
    opening = OpenTask(
        Source(b"s" * 16, "shop"), 1, RECEIPT, "send_receipt", scheduled_at=100.0, trace=trace
    )
    verdict = Verdict("completed", reason, "observed", 1, at=101.0)
    return SettledTask(opening, verdict, duration_seconds=duration_seconds)


def scrape(
    view: View, form: Exposition = Exposition.OPENMETRICS, exemplars: Exemplars | None = None
) -> dict[str, Metric]:
    """The families as Prometheus' own parser reads them."""
    body = render(lambda: families(view, ITSELF, exemplars or Exemplars()), form, zipped=False)
    parse = parse_openmetrics if form is Exposition.OPENMETRICS else parse_text
    return {family.name: family for family in parse(body.decode())}


def by_series(samples: Iterable[Sample], suffix: str) -> dict[tuple[str, ...], float]:
    """The sum of samples by (service, task, platform, origin)."""
    sums: dict[tuple[str, ...], float] = defaultdict(float)
    for sample in samples:
        if sample.name.endswith(suffix):
            where = ("service_name", "task", "platform", "origin")
            sums[tuple(sample.labels[name] for name in where)] += sample.value
    return sums


@pytest.mark.parametrize("form", list(Exposition))
def test_every_series_balances_in_one_scrape(form: Exposition) -> None:
    """Scheduled = settled - amended + in flight, and the gauge's outcomes add up to it."""
    found = scrape(booked(), form)
    scheduled = by_series(found["afterword_tasks_scheduled"].samples, "_total")
    verdicts = by_series(found["afterword_tasks_settled"].samples, "_total")
    amended = by_series(found["afterword_tasks_amended"].samples, "_total")
    book = found["afterword_tasks"].samples
    in_flight = by_series([s for s in book if s.labels["outcome"] == "in_flight"], "tasks")
    assert scheduled[LABELS] == 5
    for series, count in scheduled.items():
        assert count == verdicts[series] - amended[series] + in_flight[series]
        assert count == by_series(book, "tasks")[series]


def test_the_gauge_is_net_of_amendments() -> None:
    """A loss that was taken back counts once, as completed."""
    samples = scrape(booked())["afterword_tasks"].samples
    outcomes = {s.labels["outcome"]: s.value for s in samples if s.labels["task"] == "send_receipt"}
    assert outcomes == {
        "completed": 2,
        "failed": 1,
        "timed_out": 0,
        "cancelled": 0,
        "dropped": 0,
        "unknown": 0,
        "in_flight": 2,
    }


def test_a_task_seen_for_the_first_time_has_every_pair_at_zero_from_its_birth() -> None:
    """A loss then is an increase, not a series born at 1; counting does not move the birth."""
    samples = scrape(booked())["afterword_tasks_settled"].samples
    report = [s for s in samples if s.labels["task"] == "report"]
    pairs = {(s.labels["outcome"], s.labels["reason"], s.labels["basis"]) for s in report}
    assert pairs == set(possible_settlements())
    assert {s.value for s in report if s.name.endswith("_total")} == {0}
    assert {s.value for s in report if s.name.endswith("_created")} == {90.0}
    born = {s.value for s in samples if s.labels["task"] != "report" and "_created" in s.name}
    assert born == {100.0}


def test_histograms_are_cumulative_with_le_as_prometheus_3_writes_it() -> None:
    """``le`` is 1.0 and not 1; a value on a bound falls under it; birth is told."""
    samples = scrape(booked())["afterword_task_duration_seconds"].samples
    buckets = {s.labels["le"]: s.value for s in samples if s.name.endswith("_bucket")}
    assert (buckets["0.25"], buckets["0.5"], buckets["1.0"], buckets["+Inf"]) == (0, 1, 2, 2)
    rest = {s.name.rpartition("_")[2]: s.value for s in samples if "le" not in s.labels}
    assert rest == {"count": 2, "sum": 1.4, "created": 101.0}


def test_exemplars_lead_to_traces_that_exist() -> None:
    """OpenMetrics carries the latest sampled trace of a series; an unsampled one is left out."""
    exemplars = exemplars_of([settled(), settled(TRACE[:-1] + b"\0", duration_seconds=90.0)])
    found = scrape(booked(), Exposition.OPENMETRICS, exemplars)
    ids = {"trace_id": TRACE[:16].hex(), "span_id": TRACE[16:24].hex()}
    on_totals = [s for s in found["afterword_tasks_settled"].samples if s.exemplar]
    assert [(s.labels["outcome"], s.exemplar.labels) for s in on_totals if s.exemplar] == [
        ("completed", ids)
    ]
    on_buckets = [s for s in found["afterword_task_duration_seconds"].samples if s.exemplar]
    assert [(s.labels["le"], s.exemplar.value) for s in on_buckets if s.exemplar] == [("0.5", 0.4)]
    assert sum(len(key) + len(value) for key, value in ids.items()) <= 128
    in_text = scrape(booked(), Exposition.TEXT, exemplars)
    assert not any(s.exemplar for s in in_text["afterword_tasks_settled"].samples)
    assert exemplars_of([settled(b"")]) == Exemplars()


def test_names_and_labels_are_those_of_the_contract() -> None:
    """Dashboards and alerts rest on exactly these."""
    task = {"service_name", "task", "platform", "origin"}
    found = scrape(booked())
    assert {
        name: set().union(*(s.labels for s in family.samples))
        for name, family in found.items()
        if not name.startswith("afterword_sidecar_")
    } == {
        "afterword_tasks_scheduled": task,
        "afterword_tasks_settled": task | {"outcome", "reason", "basis"},
        "afterword_tasks_amended": task
        | {"from_outcome", "from_reason", "to_outcome", "to_reason"},
        "afterword_tasks": task | {"outcome"},
        "afterword_oldest_in_flight_timestamp_seconds": {"service_name", "task"},
        "afterword_task_duration_seconds": {"service_name", "task", "le"},
        "afterword_task_start_delay_seconds": set(),
        "afterword_task_budget_used_ratio": set(),
        "afterword_evidence_holes": {"service_name"},
        "afterword_evidence_lost": {"service_name"},
        "afterword_evidence_recovered": set(),
        "afterword_closings_lost": set(),
        "afterword_streams_untold": set(),
        "afterword_evidence_rejected": set(),
        "afterword_label_overflow": set(),
        "afterword_dead_letters": {"service_name", "task", "outcome"},
        "afterword_dead_letters_buried": {"service_name", "task", "outcome"},
    }


def test_the_sidecar_tells_about_itself() -> None:
    """Taken, refused by reason, commits, streams and build are there."""
    found = scrape(booked())
    rejected = found["afterword_sidecar_records_rejected"].samples
    assert {s.labels["reason"]: s.value for s in rejected if s.name.endswith("_total")} == {
        "stale": 0,
        "malformed": 2,
    }
    assert found["afterword_sidecar_build"].samples[0].labels["version"] == "0.1.0"
    commits = {s.name: s.value for s in found["afterword_sidecar_commit_seconds"].samples}
    assert commits["afterword_sidecar_commit_seconds_count"] == 3


def test_one_odd_label_does_not_break_the_scrape() -> None:
    """A lone surrogate is written escaped, newlines and quotes too; the rest stays readable."""
    odd = Series("shop", 'a\ud800\n"\\{}', "x", "app")
    labels = (odd.service, odd.task, odd.platform, odd.origin)
    view = booked()
    view.series_created[labels] = 1.0
    view.totals["scheduled", labels] = Total("scheduled", labels, 4.0, 1.0)
    for form in Exposition:
        samples = scrape(view, form)["afterword_tasks_scheduled"].samples
        counts = {s.labels["task"]: s.value for s in samples if s.name.endswith("_total")}
        assert counts == {'a\\ud800\n"\\{}': 4, "send_receipt": 5, "report": 0}


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "text"),
        ("*/*", "text"),
        ("text/plain;version=0.0.4", "text"),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", "openmetrics"),
        ("application/openmetrics-text", "openmetrics"),
        (
            "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.3,*/*;q=0.2",
            "openmetrics",
        ),
        ("application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.9", "text"),
        ("application/openmetrics-text;q=0", "text"),
        ("application/openmetrics-text;version=garbage", "text"),
        ("application/openmetrics-text;version=9.9.9,text/plain;q=nan", "text"),
        ('application/openmetrics-text;version="1.0.0";q=x', "text"),
        ('Application/OpenMetrics-Text;Version="1.0.0"', "openmetrics"),
        (";;;=,,,q=;", "text"),
    ],
)
def test_the_form_is_negotiated(accept: str, form: str) -> None:
    """Quality decides, versions that we do not have are passed over, garbage gets text."""
    assert negotiate(accept).name.lower() == form


def test_gzip_only_for_those_who_take_it() -> None:
    """A scrape is zipped by name and by quality, and unzips to the same bytes."""
    assert accepts_gzip("gzip, deflate")
    assert not accepts_gzip("gzip;q=0, identity")
    assert not accepts_gzip("")
    zipped = render(
        lambda: families(booked(), ITSELF, Exemplars()), Exposition.OPENMETRICS, zipped=True
    )
    assert gzip.decompress(zipped).endswith(b"# EOF\n")


def test_bounds_and_outcomes_are_those_the_book_counts_by() -> None:
    """The exposition has no list of its own: every outcome and every bound of the ledger shows."""
    found = scrape(booked())
    outcomes = {s.labels["outcome"] for s in found["afterword_tasks"].samples}
    assert outcomes == {*names.OUTCOMES, "in_flight"}
    samples = found["afterword_task_duration_seconds"].samples
    limits = [float(s.labels["le"]) for s in samples if "le" in s.labels]
    assert limits == [*DURATION_BOUNDS, float("inf")]
