"""Settings: the environment and ``configure(...)``, checked together, frozen.

``AFTERWORD_*`` are ours, ``OTEL_*`` OpenTelemetry's. What is wrong is reported all at once, in one
warning, and replaced by its default: a spelling mistake must not keep an application from starting.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple, cast

from afterword import names
from afterword.internal_errors import logger

SpanParent = Literal["child", "link"]
Redact = Callable[[str, object], object]
"""Called with a field's path (``arguments.order.note``, ``exception.message``) and its value;
returns what may leave the process."""


_SHORTEST_LEASE_SECONDS: Final = 0.5
"""Three beats in it, and a batch may wait 0.2 s: shorter ones lapse by themselves."""


class Settings(NamedTuple):
    """All that can be set, with the defaults."""

    spool: str = ""
    """A directory shared with the sidecar; wins over ``endpoint``."""
    endpoint: str = ""
    """The sidecar's base URL, ``http://host:4318``; ``/v1/logs`` is added."""
    token: str = ""
    """Sent to the endpoint as ``Authorization: Bearer …``."""
    capture: bool = False
    """Capture every task's payload, unless the task or its function says otherwise."""
    capture_max_bytes: int = 64 * 1024
    redact_fields: tuple[str, ...] = ()
    """Field names redacted besides the built-in ones."""
    redact: Redact | None = None
    span_parent: SpanParent = "child"
    """``link`` begins a new trace for each task, linked to the request's span."""
    guard_lead_seconds: float = 1.0
    """How long before a task's deadline the guard tells where it is; 0: no guard."""
    durable: bool = False
    """Work begins only when its opening is safe, unless the task or its function says otherwise."""
    durable_timeout_seconds: float = 5.0
    """How long durable work waits for that at most."""
    lease_seconds: float | None = None
    """Over HTTP: how long the sidecar may trust the last sign of life. ``None``: 30 s, and none on
    a platform that freezes processes; 0: none."""
    exit_timeout_seconds: float = 2.0
    """How long the process may wait at exit for its last evidence to leave."""
    spool_max_bytes: int = 256 * 1024 * 1024
    spool_segment_bytes: int = 4 * 1024 * 1024
    buffer_max_bytes: int = 16 * 1024 * 1024
    """Evidence kept in memory for the endpoint; beyond it detail is shed."""
    asyncio_tasks: tuple[str, ...] = ()
    """Which tasks made with ``create_task`` are watched: patterns of their functions' names."""
    exceptions_on_spans: bool = True
    exceptions_as_logs: bool = False
    sdk_disabled: bool = False
    resource: tuple[tuple[str, str], ...] = ((names.SERVICE_NAME, "unknown_service"),)
    """Of the environment; an SDK's own resource is preferred where there is one."""


class Problem(NamedTuple):
    """One wrong setting."""

    setting: str
    value: str | None
    """``None``: not to be shown."""
    hint: str

    def __str__(self) -> str:
        shown = "" if self.value is None else f"={self.value!r}"
        return f"{self.setting}{shown}: {self.hint}"


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ValueError("must be true or false")


def _directory(text: str) -> str:
    if not os.path.isabs(text):  # noqa: PTH117 - pathlib costs 5 ms of every cold start
        raise ValueError("must be an absolute path, the same directory the sidecar reads")
    return text


def _url(text: str) -> str:
    from urllib.parse import urlsplit  # noqa: PLC0415 - 2 ms that only an endpoint needs

    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL such as http://127.0.0.1:4318")
    return text.rstrip("/").removesuffix("/v1/logs")


def _token(text: str) -> str:
    if not text.isascii() or not text.isprintable() or text != text.strip():
        raise ValueError("must be printable ASCII without spaces around it")
    return text


def _positive_integer(text: str) -> int:
    number = int(text) if text.strip().isdecimal() else 0
    if not 0 < number < 2**53:
        raise ValueError("must be a whole number of bytes above 0")
    return number


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 3600:  # noqa: PLR2004 - an hour is a mistake of units
        raise ValueError("must be seconds between 0 and 3600")
    return number


def _lease_seconds(text: str) -> float:
    number = _seconds(text)
    if 0 < number < _SHORTEST_LEASE_SECONDS:
        raise ValueError(f"must be {_SHORTEST_LEASE_SECONDS} seconds or more, or 0 for none")
    return number


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _span_parent(text: str) -> SpanParent:
    if text not in {"child", "link"}:
        raise ValueError("must be child or link")
    return cast("SpanParent", text)


_VARIABLES: Final[tuple[tuple[str, str, Callable[[str], object]], ...]] = (
    ("AFTERWORD_SPOOL", "spool", _directory),
    ("AFTERWORD_ENDPOINT", "endpoint", _url),
    ("AFTERWORD_TOKEN", "token", _token),
    ("AFTERWORD_CAPTURE", "capture", _boolean),
    ("AFTERWORD_CAPTURE_MAX_BYTES", "capture_max_bytes", _positive_integer),
    ("AFTERWORD_REDACT_FIELDS", "redact_fields", _names),
    ("AFTERWORD_SPAN_PARENT", "span_parent", _span_parent),
    ("AFTERWORD_GUARD_LEAD_SECONDS", "guard_lead_seconds", _seconds),
    ("AFTERWORD_DURABLE", "durable", _boolean),
    ("AFTERWORD_DURABLE_TIMEOUT_SECONDS", "durable_timeout_seconds", _seconds),
    ("AFTERWORD_LEASE_SECONDS", "lease_seconds", _lease_seconds),
    ("AFTERWORD_EXIT_TIMEOUT_SECONDS", "exit_timeout_seconds", _seconds),
    ("AFTERWORD_SPOOL_MAX_BYTES", "spool_max_bytes", _positive_integer),
    ("AFTERWORD_SPOOL_SEGMENT_BYTES", "spool_segment_bytes", _positive_integer),
    ("AFTERWORD_BUFFER_MAX_BYTES", "buffer_max_bytes", _positive_integer),
    ("AFTERWORD_ASYNCIO_TASKS", "asyncio_tasks", _names),
    ("OTEL_SDK_DISABLED", "sdk_disabled", _boolean),
)
VARIABLES: Final = tuple(variable for variable, _, _ in _VARIABLES)
"""Every environment variable that sets a field, OpenTelemetry's switch among them."""


def read(
    environment: Mapping[str, str], given: Mapping[str, Any]
) -> tuple[Settings, list[Problem]]:
    """The settings, and all that is wrong with them. Pure.

    Args:
        environment: As ``os.environ``; an empty value counts as unset.
        given: Keyword arguments of ``configure`` by field name; ``None`` counts as not given. They
            win over the environment. Text is checked as in the environment, other values are taken.
    """
    problems = _unknown(environment)
    values: dict[str, Any] = {}
    for variable, field, parse in _VARIABLES:
        text = environment.get(variable, "")
        if text:
            _take(values, problems, variable, field, text, parse)
    parsers = {field: parse for _, field, parse in _VARIABLES}
    for field, value in given.items():
        if value is None or field == "service_name":  # a part of the resource
            continue
        parse_given = parsers.get(field)
        if parse_given is None:
            values[field] = value
        elif isinstance(value, list | tuple | set | frozenset):
            _take(values, problems, field, field, ",".join(map(str, value)), parse_given)
        else:
            _take(values, problems, field, field, str(value), parse_given)
    values["resource"] = _resource(environment, given, problems)
    values.update(_exception_signal(environment))
    return Settings(**values), problems


def _unknown(environment: Mapping[str, str]) -> list[Problem]:
    """Variables that look like ours and are none."""
    strange = {
        name: environment[name]
        for name in environment
        if name.startswith("AFTERWORD_")
        and name not in VARIABLES
        and not name.startswith("AFTERWORD_SIDECAR_")
    }
    if not strange:
        return []
    from afterword.unknown_variables import hints  # noqa: PLC0415 - difflib, for a mistake

    # Their values are not shown: nobody knows whether one was meant as a secret.
    return [Problem(name, None, hint) for name, hint in hints(strange, VARIABLES).items()]


def _take(
    values: dict[str, Any],
    problems: list[Problem],
    setting: str,
    field: str,
    text: str,
    parse: Callable[[str], object],
) -> None:
    try:
        values[field] = parse(text)
    except ValueError as error:
        shown = "…" if field == "token" else text
        problems.append(Problem(setting, shown, str(error)))


def _resource(
    environment: Mapping[str, str], given: Mapping[str, Any], problems: list[Problem]
) -> tuple[tuple[str, str], ...]:
    """Resource attributes as OpenTelemetry's SDK reads them: ``key=value,key=value``, %-encoded."""
    attributes = {names.SERVICE_NAME: "unknown_service"}
    text = environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            hint = "must be key=value pairs with commas between them"
            problems.append(Problem("OTEL_RESOURCE_ATTRIBUTES", pair, hint))
            continue
        attributes[key.strip()] = _unquote(value.strip())
    service = given.get("service_name") or environment.get("OTEL_SERVICE_NAME", "")
    if service:
        attributes[names.SERVICE_NAME] = service
    return tuple(attributes.items())


def _unquote(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote  # noqa: PLC0415 - 2 ms that few need

    return unquote(text)


def _exception_signal(environment: Mapping[str, str]) -> dict[str, bool]:
    """Where exceptions go, as the semantic conventions' migration variable says."""
    opted = set(_names(environment.get("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", "")))
    return {
        "exceptions_on_spans": "logs" not in opted or "logs/dup" in opted,
        "exceptions_as_logs": bool(opted & {"logs", "logs/dup"}),
    }


_current: Settings | None = None


def current() -> Settings:
    """The settings in force; read from the environment at first use."""
    return _current or load({})


def load(given: Mapping[str, Any]) -> Settings:
    """Read the environment and ``given``, put that in force, and warn of what is wrong."""
    global _current  # noqa: PLW0603 - the one place where a process's settings live
    settings, problems = read(os.environ, given)
    if problems:
        logger.warning(
            "afterword: %d wrong setting(s), defaults are used in their place:\n%s",
            len(problems),
            "\n".join(f"  {problem}" for problem in problems),
        )
    _current = settings
    return settings


def in_force() -> Settings | None:
    """The settings in force; ``None`` while nothing has asked for any. Reads nothing."""
    return _current


def restore(settings: Settings | None) -> None:
    """Put settings in force that were in force before; ``None``: as the environment will say."""
    global _current  # noqa: PLW0603 - the one place where a process's settings live
    _current = settings
