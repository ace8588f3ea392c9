"""The sidecar's settings as data: flags, environment, help and documentation all come from here."""

from collections.abc import Callable
from typing import Final

import msgspec

from afterword_sidecar.settings.quantities import (
    choice,
    count,
    duration,
    duration_or_none,
    host,
    path,
    port,
    secret,
    size,
    trace_url,
    words,
)
from afterword_sidecar.upstream import SPANS, VERDICTS, Destinations, Spans, Verdicts

ENVIRONMENT_PREFIX: Final = "AFTERWORD_SIDECAR_"
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
LOG_FORMATS: Final = ("auto", "json", "text")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a running sidecar was told. Checked where it is made; nothing downstream re-checks."""

    receiver_host: str
    receiver_port: int
    operators_host: str
    operators_port: int
    trace_url: str
    """Empty: the page links to no trace."""
    database: str
    spool: str
    """Empty: no spool is read."""
    journal: str
    """Empty: no journal is kept."""
    journal_age_seconds: float
    journal_bytes: int
    token: str
    """Empty: evidence is taken from anybody."""
    body_bytes: int
    inflated_bytes: int
    grace_seconds: float
    longest_life_seconds: float
    finality_seconds: float
    stream_retention_seconds: float
    dead_letter_age_seconds: float
    dead_letter_count: int
    dead_letter_payload_bytes: int
    services: int
    tasks_per_service: int
    series_in_all: int
    unset_completed: frozenset[str]
    stop_seconds: float
    upstream: Destinations
    """From OpenTelemetry's own variables, not from the table."""
    verdict_events: Verdicts
    missing_spans: Spans
    upstream_queue_bytes: int
    log_level: str
    log_format: str


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: where it is read from, how, and what it means."""

    name: str
    """The field of ``Settings``."""
    parse: Callable[[str], object]
    default: str
    """As a person would write it; empty: none."""
    help: str
    group: str
    metavar: str
    environment: str = ""
    """Where it is not the prefix and the flag's name."""
    secret: bool = False
    """Never shown, and no flag: a command line can be read by everybody on the machine."""

    @property
    def flag(self) -> str:
        """The option on the command line; units are part of the value there, not of the name."""
        return "--" + self._plain_name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return self.environment or ENVIRONMENT_PREFIX + self._plain_name.upper()

    @property
    def _plain_name(self) -> str:
        # Byte sizes keep their unit in the name: "body" alone would say nothing.
        return self.name.removesuffix("_seconds")


def _log_level(text: str) -> str:
    return choice(text, LOG_LEVELS)


def _log_format(text: str) -> str:
    return choice(text, LOG_FORMATS)


def _verdict_events(text: str) -> str:
    return choice(text, VERDICTS)


def _missing_spans(text: str) -> str:
    return choice(text, SPANS)


_LISTENING: Final = (
    Setting(
        name="receiver_host",
        parse=host,
        default="127.0.0.1",
        metavar="HOST",
        group="Listening",
        help="Where evidence is received (OTLP/HTTP). In a container: 0.0.0.0, with a token.",
    ),
    Setting(
        name="receiver_port",
        parse=port,
        default="4318",
        metavar="PORT",
        group="Listening",
        help="The receiver's port; 0 takes a free one and says which.",
    ),
    Setting(
        name="operators_host",
        parse=host,
        default="127.0.0.1",
        metavar="HOST",
        group="Listening",
        help="Where operators are answered: /metrics, health, the API. It has no password and "
        "shows payloads, so let only operators reach it.",
    ),
    Setting(
        name="operators_port",
        parse=port,
        default="9464",
        metavar="PORT",
        group="Listening",
        help="The operators' port; 0 takes a free one and says which.",
    ),
    Setting(
        name="trace_url",
        parse=trace_url,
        default="",
        metavar="URL",
        group="Listening",
        help="Where the page's traces lead to: an address with `{trace_id}`, and `{span_id}` if "
        "wanted, in it.",
    ),
    Setting(
        name="token",
        parse=secret,
        default="",
        metavar="TOKEN",
        group="Listening",
        environment="AFTERWORD_TOKEN",
        secret=True,
        help="The bearer token clients must send. Shared with the application's own variable. "
        "Without it anybody who reaches the receiver can write to the book.",
    ),
)

_BOOK: Final = (
    Setting(
        name="database",
        parse=path,
        default="afterword.db",
        metavar="FILE",
        group="The book",
        help="The SQLite file the book is kept in; one sidecar holds it at a time. "
        "`:memory:` keeps it until the sidecar stops.",
    ),
    Setting(
        name="spool",
        parse=path,
        default="",
        metavar="DIRECTORY",
        group="The book",
        environment="AFTERWORD_SPOOL",
        help="The directory applications on this host write their evidence to. Made if missing. "
        "Shared with the application's own variable, which must be an absolute path.",
    ),
)

_JOURNAL: Final = (
    Setting(
        name="journal",
        parse=path,
        default="",
        metavar="DIRECTORY",
        group="The journal",
        help="Where to keep a hash-chained journal of all evidence (without payloads, messages and "
        "stacks) and of every verdict, for `afterword verify`. Off unless given. Made if missing.",
    ),
    Setting(
        name="journal_age_seconds",
        parse=duration,
        default="30d",
        metavar="DURATION",
        group="The journal",
        help="Segments of the journal older than this are deleted.",
    ),
    Setting(
        name="journal_bytes",
        parse=size,
        default="4GiB",
        metavar="SIZE",
        group="The journal",
        help="About the most the journal keeps; the oldest segments go first.",
    ),
)

_JUDGING: Final = (
    Setting(
        name="grace_seconds",
        parse=duration_or_none,
        default="2s",
        metavar="DURATION",
        group="Judging",
        help="How long after its deadline a task may still be heard of before it is pronounced.",
    ),
    Setting(
        name="longest_life_seconds",
        parse=duration,
        default="1h",
        metavar="DURATION",
        group="Judging",
        help="A task without a deadline that is not heard of for so long is pronounced expired.",
    ),
    Setting(
        name="finality_seconds",
        parse=duration,
        default="15m",
        metavar="DURATION",
        group="Judging",
        help="How long an inferred verdict waits for late evidence until it counts as final.",
    ),
    Setting(
        name="unset_completed",
        parse=words,
        default="",
        metavar="SERVICE,…",
        group="Judging",
        help="Services whose foreign spans that end without a status count as completed; `*`: all. "
        "Others' are unknown: spans of killed work end so too.",
    ),
)

_KEEPING: Final = (
    Setting(
        name="stream_retention_seconds",
        parse=duration,
        default="7d",
        metavar="DURATION",
        group="Keeping",
        help="How long a stream that has gone silent is remembered; what it says later is stale.",
    ),
    Setting(
        name="dead_letter_age_seconds",
        parse=duration,
        default="30d",
        metavar="DURATION",
        group="Keeping",
        help="Dead letters older than this are deleted.",
    ),
    Setting(
        name="dead_letter_count",
        parse=count,
        default="100000",
        metavar="NUMBER",
        group="Keeping",
        help="The most dead letters kept; the oldest go first.",
    ),
    Setting(
        name="dead_letter_payload_bytes",
        parse=size,
        default="1GiB",
        metavar="SIZE",
        group="Keeping",
        help="The most payload kept with dead letters; the oldest go first.",
    ),
)

_BOUNDS: Final = (
    Setting(
        name="body_bytes",
        parse=size,
        default="20MiB",
        metavar="SIZE",
        group="Bounds",
        help="The largest request body taken, as it comes over the wire.",
    ),
    Setting(
        name="inflated_bytes",
        parse=size,
        default="64MiB",
        metavar="SIZE",
        group="Bounds",
        help="The largest request body taken once it is inflated.",
    ),
    Setting(
        name="services",
        parse=count,
        default="200",
        metavar="NUMBER",
        group="Bounds",
        help="How many services get label values of their own; further ones count as `_other`.",
    ),
    Setting(
        name="tasks_per_service",
        parse=count,
        default="200",
        metavar="NUMBER",
        group="Bounds",
        help="How many tasks of one service get label values of their own.",
    ),
    Setting(
        name="series_in_all",
        parse=count,
        default="5000",
        metavar="NUMBER",
        group="Bounds",
        help="How many combinations of service, task, platform and origin there may be in all.",
    ),
    Setting(
        name="stop_seconds",
        parse=duration,
        default="10s",
        metavar="DURATION",
        group="Bounds",
        help="How long a stop may take until it is forced.",
    ),
)

_UPSTREAM: Final = (
    Setting(
        name="verdict_events",
        parse=_verdict_events,
        default="all",
        metavar="|".join(VERDICTS),
        group="Upstream",
        help="Which verdicts are told upstream as a log event; `lost`: of dead letters only.",
    ),
    Setting(
        name="missing_spans",
        parse=_missing_spans,
        default="all",
        metavar="|".join(SPANS),
        group="Upstream",
        help="For which lost tasks the span that never came is sent; `sampled`: only where the "
        "rest of the trace was kept.",
    ),
    Setting(
        name="upstream_queue_bytes",
        parse=size,
        default="32MiB",
        metavar="SIZE",
        group="Upstream",
        help="How much of each signal may wait to be passed on; what is more is dropped.",
    ),
)

_LOGGING: Final = (
    Setting(
        name="log_level",
        parse=_log_level,
        default="info",
        metavar="|".join(LOG_LEVELS),
        group="Logging",
        help="How much is logged, on standard error.",
    ),
    Setting(
        name="log_format",
        parse=_log_format,
        default="auto",
        metavar="|".join(LOG_FORMATS),
        group="Logging",
        help="`auto`: text on a terminal, JSON lines elsewhere.",
    ),
)

SETTINGS: Final = (
    _LISTENING + _BOOK + _JOURNAL + _JUDGING + _KEEPING + _BOUNDS + _UPSTREAM + _LOGGING
)
