"""Alerts. Summaries are constant, so that a group of alerts has one; descriptions are templated."""

from dataclasses import dataclass, field
from typing import Final

from dashboards.mixin.config import Burn, Config
from dashboards.mixin.promql import selector, total, total_of
from dashboards.mixin.recording import (
    TASK,
    budget_overused,
    budget_used,
    buried,
    counted,
    missed,
    missed_share,
    settled,
    timed_out,
    timed_out_share,
)

_DROPPED: Final = 'outcome="dropped"'
_WHOSE: Final = "{{ $labels.task }} of {{ $labels.service_name }}"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """An alerting rule. ``alert`` is CamelCase; its section in the runbooks has the same name."""

    alert: str
    expression: str
    severity: str
    summary: str
    description: str
    lasting: str = ""
    keep_firing: str = ""
    labels: dict[str, str] = field(default_factory=dict)


def task_alerts(config: Config) -> list[Alert]:
    """What is lost, or about to be."""
    step = config.step
    return [
        *(_burning(config, burn) for burn in config.burns),
        Alert(
            alert="AfterwordTaskDropped",
            expression=f"{total((*TASK, 'reason'), selector(settled(config.step), _DROPPED))} > 0",
            keep_firing="5m",
            severity="warning",
            summary="Deferred work was lost: it never had a chance to end.",
            description=(
                f"{{{{ $value | humanize }}}} task(s) {_WHOSE} were dropped in {config.step}: "
                "{{ $labels.reason }}."
            ),
        ),
        _timeouts_rising(config),
        _budget_nearly_used(config),
        Alert(
            alert="AfterwordOldestInFlightTooOld",
            expression=(
                f"time() - min by ({', '.join(TASK)}) "
                f"(afterword_oldest_in_flight_timestamp_seconds) > {config.oldest_seconds}"
            ),
            lasting="2m",
            severity="warning",
            summary="A deferred task has been in flight for too long.",
            description=f"The oldest task {_WHOSE} was handed over "
            "{{ $value | humanizeDuration }} ago and has not ended.",
        ),
        Alert(
            alert="AfterwordDeadLettersPilingUp",
            expression=f"sum_over_time({buried(step)}[{config.letters_window}:{step}]) "
            f">= {config.letters_buried}",
            severity="warning",
            summary="Dead letters are piling up.",
            description=f"{{{{ $value | humanize }}}} tasks {_WHOSE} became dead letters in "
            f"{config.letters_window}.",
        ),
    ]


def evidence_alerts(config: Config) -> list[Alert]:
    """What makes the book less than certain."""
    service = ("job", "service_name")
    within = config.evidence_window
    lost = counted("afterword_evidence_lost", "", within, config)
    rejected = counted("afterword_sidecar_records_rejected", "", within, config)
    return [
        Alert(
            alert="AfterwordEvidenceMissing",
            expression=f"{total(service, 'afterword_evidence_holes')} > 0",
            lasting=config.holes_lasting,
            severity="warning",
            summary="Evidence is missing: telemetry, not tasks.",
            description="{{ $value | humanize }} records of {{ $labels.service_name }} have not "
            "come, though later ones have.",
        ),
        Alert(
            alert="AfterwordEvidenceLost",
            expression=f"{total_of(service, lost)} > 0",
            severity="warning",
            summary="Missing evidence was given up.",
            description="{{ $value | humanize }} records of {{ $labels.service_name }} were given "
            f"up in {within}; verdicts on its tasks may be unknown.",
        ),
        Alert(
            alert="AfterwordEvidenceRejected",
            expression=f"{total_of(('job', 'instance', 'reason'), rejected)} > 0",
            severity="warning",
            summary="The sidecar rejects evidence.",
            description="{{ $labels.instance }} rejected {{ $value | humanize }} records in "
            f"{within}: {{{{ $labels.reason }}}}.",
        ),
    ]


def sidecar_alerts(config: Config) -> list[Alert]:
    """The sidecar itself: while it is away, nobody watches."""
    job = f'job="{config.job}"'
    instance = "{{ $labels.instance }}"
    return [
        Alert(
            alert="AfterwordSidecarDown",
            expression=f"up{{{job}}} == 0",
            lasting="2m",
            severity="critical",
            summary="A sidecar cannot be scraped.",
            description=f"{instance} has not answered for two minutes. Evidence waits in the "
            "applications, up to their bounds.",
        ),
        Alert(
            alert="AfterwordSidecarAbsent",
            expression=f"absent(up{{{job}}})",
            lasting="5m",
            severity="critical",
            summary="Prometheus knows no sidecar.",
            description='No target of job "{{ $labels.job }}" exists: it was never there, or its '
            "discovery is broken.",
        ),
        Alert(
            alert="AfterwordSidecarNotCommitting",
            expression=(
                "afterword_sidecar_store_failing == 1\nor\n(\n"
                "  afterword_sidecar_queue_submissions > 0\n"
                "  and rate(afterword_sidecar_commit_seconds_count[5m]) == 0\n)"
            ),
            lasting="1m",
            severity="critical",
            summary="A sidecar takes no evidence: its store cannot be written.",
            description=f"{instance} commits nothing. Applications are told to come again, and "
            "keep their evidence up to their bounds.",
        ),
        Alert(
            alert="AfterwordSidecarBehind",
            expression=(
                "time() - afterword_sidecar_spool_behind_since_timestamp_seconds > "
                f"{config.behind_seconds}"
            ),
            lasting="2m",
            severity="warning",
            summary="A sidecar reads its spool too late.",
            description=f"What {instance} has not booked is {{{{ $value | humanizeDuration }}}} "
            "old.",
        ),
        Alert(
            alert="AfterwordSpoolUnreadable",
            expression="afterword_sidecar_spool_readable == 0",
            lasting="1m",
            severity="critical",
            summary="A sidecar cannot read its spool.",
            description=f"{instance} cannot read its spool directory. Nothing is booked; the "
            "directory fills up to its bound.",
        ),
        Alert(
            alert="AfterwordUpstreamFailing",
            expression="max by (job, instance, signal) (afterword_sidecar_upstream_failing) == 1",
            lasting="10m",
            severity="warning",
            summary="A sidecar's upstream takes nothing.",
            description=f"What {instance} sends on has failed for ten minutes: "
            "{{ $labels.signal }}. Verdicts on lost tasks wait in its book.",
        ),
    ]


def _burning(config: Config, burn: Burn) -> Alert:
    limit = burn.factor * (1 - config.objective)
    return Alert(
        alert="AfterwordErrorBudgetBurning",
        expression=(
            f"{missed_share(burn.long)} > {limit:.6g}\n"
            f"and\n{missed_share(burn.short)} > {limit:.6g}\n"
            f"and\n{missed(burn.long)} >= {config.least_missed}"
        ),
        lasting=burn.lasting,
        severity=burn.severity,
        labels={"long": burn.long, "short": burn.short},
        summary="Too many deferred tasks do not complete.",
        description=(
            f"{{{{ $value | humanizePercentage }}}} of the tasks {_WHOSE} did not complete in "
            f"{burn.long}. The objective allows {100 * (1 - config.objective):g}% of them over "
            f"{config.period}, and this alert up to {100 * limit:g}%."
        ),
    )


def _timeouts_rising(config: Config) -> Alert:
    window = config.timeouts_window
    # Where the day before had no traffic nothing can rise; the burn rates watch what is new.
    before = f"{timed_out_share(config.timeouts_before)} offset {window}"
    least = config.timeouts_least_share / config.timeouts_factor
    return Alert(
        alert="AfterwordTimeoutsRising",
        expression=(
            f"{timed_out_share(window)} > {config.timeouts_factor:g} * clamp_min({before}, "
            f"{least:g})\nand\n{timed_out(window)} >= {config.timeouts_least}"
        ),
        lasting="5m",
        severity="warning",
        summary="More deferred tasks time out than before.",
        description=f"{{{{ $value | humanizePercentage }}}} of the tasks {_WHOSE} timed out within "
        f"{window}, more than {config.timeouts_factor:g} times the share of "
        f"{config.timeouts_before} before.",
    )


def _budget_nearly_used(config: Config) -> Alert:
    window = config.budget_window
    over, used = budget_overused(window), budget_used(window)
    return Alert(
        alert="AfterwordBudgetNearlyUsed",
        expression=(
            f"{over} / ({used} > 0) > {config.budget_share}\nand\n{over} >= {config.budget_least}"
        ),
        lasting="5m",
        severity="warning",
        summary="Deferred tasks come close to the platform's deadline.",
        description=f"{{{{ $value | humanizePercentage }}}} of the tasks {_WHOSE} used more than "
        f"{config.budget_used:.0%} of the time that the platform gives them, within {window}.",
    )
