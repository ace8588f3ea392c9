"""Sidecar: whether it keeps up, what it refuses, what it costs."""

from typing import Final

from dashboards.mixin.board import board
from dashboards.mixin.config import Config
from dashboards.mixin.panels import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    Panel,
    Query,
    heat,
    lines,
    number,
    of_instance,
)
from dashboards.mixin.promql import RATE, total
from dashboards.mixin.shown import INSTANCE, in_step

UID: Final = "afterword-sidecar"
_OF: Final = "afterword_sidecar_"


def sidecar(config: Config) -> str:
    """``sidecar.json``."""
    return board(
        UID,
        "Afterword / Sidecar",
        "The sidecar about itself: whether it keeps up, what it refuses, what it costs.",
        [
            ("Now", _now(config)),
            ("Evidence", _evidence()),
            ("The store", _store(config)),
            ("The spool", _spool(config)),
            ("Upstream, where there is one", _upstream()),
            ("What it costs", _cost()),
        ],
        [],
    )


def _now(config: Config) -> list[Panel]:
    good_or_bad = [(None, GREEN), (1, RED)]
    behind = of_instance(f"{_OF}spool_behind_since_timestamp_seconds")
    return [
        number(
            "Version",
            "What runs, on how many instances.",
            f"count by (version) ({of_instance(f'{_OF}build_info')})",
            unit="short",
            steps=[(None, BLUE)],
        ),
        number(
            "Up for",
            "Since the youngest of them started.",
            f"time() - max({of_instance(f'{_OF}start_time_seconds')})",
            unit="s",
            decimals=0,
            steps=[(None, YELLOW), (300, GREEN)],
        ),
        number(
            "Store",
            "Whether a store fails: evidence is refused then, and clients keep it.",
            f"max({of_instance(f'{_OF}store_failing')})",
            unit="short",
            steps=good_or_bad,
            said={"0": "writes", "1": "fails"},
        ),
        number(
            "Spool",
            "Whether the spool directory can be read, where there is one.",
            f"min({of_instance(f'{_OF}spool_readable')})",
            unit="short",
            steps=[(None, RED), (1, GREEN)],
            said={"0": "unreadable", "1": "read"},
            nothing="no spool",
        ),
        number(
            "Spool read late by",
            "The age of the oldest line that is not booked.",
            f"time() - min({behind})",
            unit="s",
            decimals=0,
            steps=[
                (None, GREEN),
                (config.behind_seconds / 2, YELLOW),
                (config.behind_seconds, RED),
            ],
            nothing="all read",
        ),
        number(
            "Own defects",
            "Bugs of its own that it caught, in the range shown. Each one is in its log.",
            f"sum(increase({of_instance(f'{_OF}internal_errors_total')}[$__range]))",
            unit="short",
            decimals=0,
            steps=good_or_bad,
        ),
    ]


def _rates(metric: str, by: str, legend: str) -> Query:
    return Query(f"sum by ({by}) (rate({of_instance(metric)}[{RATE}]))", legend)


def _grown(counter: str, what: str) -> Query:
    of = total(["service_name"], in_step(counter, *INSTANCE))
    return Query(f"{of} > 0", f"{{{{service_name}}}}: {what}")


def _evidence() -> list[Panel]:
    return [
        lines(
            "Records taken",
            "Records of evidence a second: new ones, and copies that changed nothing.",
            [_rates(f"{_OF}records_received_total", "result", "{{result}}")],
            unit="cps",
            width=8,
            stacked=True,
        ),
        lines(
            "Records rejected",
            "Records a second that were malformed, stale or too many. They are lost.",
            [_rates(f"{_OF}records_rejected_total", "reason", "{{reason}}")],
            unit="cps",
            width=8,
            stacked=True,
        ),
        lines(
            "Answers of the receiver",
            "Requests a second. 503 tells clients to come again; they keep their evidence.",
            [_rates(f"{_OF}requests_total", "signal, status", "{{signal}} {{status}}")],
            unit="reqps",
            width=8,
            stacked=True,
        ),
        lines(
            "Rejected, by service",
            "Records a second that the book did not take: of a stream long forgotten (stale), or "
            "without a place in their own.",
            [
                _rates(
                    "afterword_evidence_rejected_total",
                    "service_name, reason",
                    "{{service_name}}: {{reason}}",
                )
            ],
            unit="cps",
            width=8,
        ),
        lines(
            "Told to come again",
            "Submissions a second that were refused for now.",
            [_rates(f"{_OF}submissions_refused_total", "reason", "{{reason}}")],
            unit="cps",
            width=8,
        ),
        lines(
            "Passed by",
            "Records a second that are not about deferred tasks.",
            [_rates(f"{_OF}records_passed_by_total", "signal", "{{signal}}")],
            unit="cps",
            width=8,
        ),
        lines(
            "Records given up and found again",
            "Records that were given up, and those that came after they had been missing, in each "
            "step of the picture.",
            [
                _grown("afterword_evidence_lost", "lost"),
                _grown("afterword_evidence_recovered", "recovered"),
            ],
            unit="short",
            width=8,
            bars=True,
        ),
        lines(
            "Lost for want of room",
            "What the lock files of dead processes tell of a spool that was full: ends of tasks, "
            "and processes of which not one record came, in each step of the picture.",
            [
                _grown("afterword_closings_lost", "ends of tasks"),
                _grown("afterword_streams_untold", "processes untold"),
            ],
            unit="short",
            width=8,
            bars=True,
        ),
        lines(
            "Counted as _other",
            "Tasks a second that have no series of their own, because a service uses too many "
            "names.",
            [_rates("afterword_label_overflow_total", "service_name", "{{service_name}}")],
            unit="cps",
            width=8,
        ),
    ]


def _store(config: Config) -> list[Panel]:
    buckets = f"sum by (le) (rate({of_instance(f'{_OF}commit_seconds_bucket')}[{RATE}]))"
    count = of_instance(f"{_OF}commit_seconds_count")
    seconds = of_instance(f"{_OF}commit_seconds_sum")
    return [
        heat(
            "Commits",
            "How long commits take: commits a second in each bucket.",
            buckets,
            unit="s",
            width=8,
        ),
        lines(
            "Commits, quantiles",
            "A client's answer waits for the commit.",
            [Query(f"histogram_quantile({of}, {buckets})", f"{of:g}") for of in (0.5, 0.99)],
            unit="s",
            width=8,
            steps=[(None, GREEN), (config.commit_seconds, YELLOW)],
        ),
        lines(
            "Busy committing",
            "The share of time that the store works. At 1 it is the bottleneck.",
            [Query(f"sum by (instance) (rate({seconds}[{RATE}]))", "{{instance}}")],
            unit="percentunit",
            width=8,
            steps=[(None, GREEN), (0.8, RED)],
        ),
        lines(
            "Waiting to be booked",
            "Submissions in the queue. A queue that stays is an overload.",
            [Query(of_instance(f"{_OF}queue_submissions"), "{{instance}}")],
            unit="short",
            width=6,
        ),
        lines(
            "Bytes waiting to be booked",
            "The memory that the queue takes.",
            [Query(of_instance(f"{_OF}queue_bytes"), "{{instance}}")],
            unit="bytes",
            width=6,
        ),
        lines(
            "Records in a commit",
            "The more arrives, the more are booked at once.",
            [
                Query(
                    "sum by (instance) (rate("
                    f"{of_instance(f'{_OF}records_received_total')}[{RATE}])) / "
                    f"(sum by (instance) (rate({count}[{RATE}])) > 0)",
                    "{{instance}}",
                )
            ],
            unit="short",
            width=6,
        ),
        lines(
            "Commits failed, and stalls",
            "A second: commits that failed, and times that the sidecar itself stood still.",
            [
                _rates(f"{_OF}commits_failed_total", "instance", "{{instance}}: failed"),
                _rates(f"{_OF}stalls_total", "instance", "{{instance}}: stood still"),
            ],
            unit="cps",
            width=6,
        ),
    ]


def _spool(config: Config) -> list[Panel]:
    behind = of_instance(f"{_OF}spool_behind_since_timestamp_seconds")
    return [
        lines(
            "Lines read",
            "Lines a second, and segments removed once they were.",
            [
                _rates(f"{_OF}spool_lines_read_total", "instance", "{{instance}}: lines"),
                _rates(f"{_OF}spool_segments_deleted_total", "instance", "{{instance}}: segments"),
            ],
            unit="cps",
            width=6,
        ),
        lines(
            "Lines without effect",
            "Lines a second that were skipped, by reason.",
            [_rates(f"{_OF}spool_lines_skipped_total", "reason", "{{reason}}")],
            unit="cps",
            width=6,
        ),
        lines(
            "Bytes not booked",
            "What lies in the directory and is not read yet.",
            [Query(of_instance(f"{_OF}spool_unread_bytes"), "{{instance}}")],
            unit="bytes",
            width=6,
        ),
        lines(
            "Read late by",
            "The age of the oldest line that is not booked.",
            [Query(f"time() - {behind}", "{{instance}}")],
            unit="s",
            width=6,
            steps=[(None, GREEN), (config.behind_seconds, RED)],
        ),
    ]


def _upstream() -> list[Panel]:
    of = f"{_OF}upstream_"

    def by_signal(metric: str) -> str:
        return f"sum by (signal) ({of_instance(of + metric)})"

    return [
        lines(
            "Requests sent on",
            "Requests a second that upstream took, and tries after the first.",
            [
                _rates(f"{of}requests_sent_total", "signal", "{{signal}}"),
                _rates(f"{of}requests_retried_total", "signal", "{{signal}}: tried again"),
            ],
            unit="reqps",
            width=6,
        ),
        lines(
            "Lost on the way",
            "A second: requests that upstream does not get, and records that it rejected.",
            [
                _rates(f"{of}requests_dropped_total", "signal, reason", "{{signal}}: {{reason}}"),
                _rates(f"{of}records_rejected_total", "signal", "{{signal}}: records rejected"),
            ],
            unit="cps",
            width=6,
        ),
        lines(
            "Requests waiting",
            "What waits for upstream; and, as 1, that the last try failed.",
            [
                Query(by_signal("queue_requests"), "{{signal}}"),
                Query(by_signal("failing"), "{{signal}}: fails"),
            ],
            unit="short",
            width=6,
        ),
        lines(
            "Bytes waiting",
            "The memory that they take.",
            [Query(by_signal("queue_bytes"), "{{signal}}")],
            unit="bytes",
            width=6,
        ),
        lines(
            "Verdicts and missing spans",
            "A second: verdicts told as log events, those that upstream does not get, and spans "
            "sent for tasks that never did.",
            [
                _rates(f"{of}verdicts_sent_total", "instance", "{{instance}}: told"),
                _rates(f"{of}verdicts_dropped_total", "instance", "{{instance}}: not told"),
                _rates(f"{of}missing_spans_sent_total", "instance", "{{instance}}: spans"),
            ],
            unit="cps",
        ),
        lines(
            "Losses not yet told",
            "Verdicts on lost tasks that wait in the book until upstream takes them.",
            [Query(of_instance(f"{of}verdicts_unpublished"), "{{instance}}")],
            unit="short",
        ),
    ]


def _cost() -> list[Panel]:
    return [
        lines(
            "Processor time",
            "Cores in use.",
            [_rates("process_cpu_seconds_total", "instance", "{{instance}}")],
            unit="short",
            width=6,
        ),
        lines(
            "Memory",
            "Resident memory.",
            [Query(of_instance("process_resident_memory_bytes"), "{{instance}}")],
            unit="bytes",
            width=6,
        ),
        lines(
            "Processes known",
            "Streams in the book, and processes whose lock is held.",
            [
                Query(f"sum by (state) ({of_instance(f'{_OF}streams')})", "{{state}}"),
                Query(f"sum({of_instance(f'{_OF}spool_streams')})", "lock held"),
                Query(
                    f"sum(increase({of_instance(f'{_OF}spool_streams_ended_total')}[{RATE}]))",
                    "seen to die",
                ),
            ],
            unit="short",
            width=6,
        ),
        lines(
            "A scrape of it",
            "How long Prometheus waits for its metrics.",
            [Query(of_instance("scrape_duration_seconds"), "{{instance}}")],
            unit="s",
            width=6,
        ),
    ]
