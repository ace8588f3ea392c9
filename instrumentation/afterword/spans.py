"""One span per task, through the application's own tracer provider.

OpenTelemetry is looked up, never imported: if nobody imported it, nobody set up a provider. A plain
``start_span`` with its attributes set once, and no context manager: that is half of what a task's
span costs beyond the SDK's own share. Under a parent that is not sampled no tracer is called.
"""

import sys
from typing import TYPE_CHECKING, Any, Final

from afterword import internal_errors, names
from afterword.task_record import NOWHERE, Place
from afterword.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from afterword.endings import Ending
    from afterword.evidence import Failure, TaskKind
    from afterword.settings import Settings


Begun = tuple["Span | None", Place]
"""The span, where there is one to end, and where in its trace the task stands."""

_NOTHING: Final[Begun] = (None, NOWHERE)
_Bound = tuple[Any, bytes, Any]
"""A provider, a stream, and the tracer that the one has for the other."""


class _Api:
    """What is used of OpenTelemetry's API, bound once it has been imported by somebody."""

    __slots__ = (
        "attach",
        "consumer",
        "detach",
        "error",
        "get_current_span",
        "new_trace",
        "set_span_in_context",
        "trace",
        "tracer",
    )

    def __init__(self, trace: Any) -> None:
        from opentelemetry import context  # noqa: PLC0415 - imported already, with trace

        self.trace: Final = trace
        self.attach: Final = context.attach
        self.detach: Final = context.detach
        self.get_current_span: Final = trace.get_current_span
        self.set_span_in_context: Final = trace.set_span_in_context
        self.consumer: Final = trace.SpanKind.CONSUMER
        self.error: Final = trace.StatusCode.ERROR
        self.new_trace: Final = context.Context()
        self.tracer: _Bound = (None, b"", None)

    def tracer_of(self, provider: Any, stream: bytes) -> Any:
        """The stream's tracer of the provider; ``None`` where no SDK stands behind it."""
        bound = self.tracer  # read and assigned whole: other threads ask at the same time
        if provider is not bound[0] or stream is not bound[1]:
            silent = isinstance(
                provider, self.trace.ProxyTracerProvider | self.trace.NoOpTracerProvider
            )
            tracer = None
            if not silent:
                tracer = provider.get_tracer(
                    names.SCOPE_NAME, VERSION, attributes={names.STREAM: stream.hex()}
                )
            self.tracer = bound = (provider, stream, tracer)
        return bound[2]


_api: _Api | None = None
_given_provider: Any = None


def use_provider(provider: Any) -> None:
    """Begin spans with this provider instead of the global one; ``None`` undoes that."""
    global _given_provider  # noqa: PLW0603 - a process's setting
    _given_provider = provider


def _bound() -> _Api | None:
    global _api  # noqa: PLW0603 - bound once per process
    if _api is None:
        trace = sys.modules.get("opentelemetry.trace")
        if trace is not None and hasattr(trace, "use_span"):  # else another thread is importing it
            _api = _Api(trace)
    return _api


def begin(kind: "TaskKind", stream: bytes, settings: "Settings") -> Begun:
    """The task's place in the trace it is handed over in, with its span begun where it is due.

    What the application's sampler or span processor raises costs the task its span, and no more.
    """
    api = _api or _bound()
    if api is None:
        return _NOTHING
    parent = api.get_current_span().get_span_context()
    parent_is_valid = parent.is_valid
    if parent_is_valid and not parent.trace_flags & 1:
        return None, Place(parent.trace_id, 0, parent.span_id)
    try:
        tracer = api.tracer_of(_given_provider or api.trace.get_tracer_provider(), stream)
        if tracer is not None and not settings.sdk_disabled:
            return _begin(api, tracer, parent if parent_is_valid else None, kind, settings)
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("beginning a task's span")
    if not parent_is_valid:
        return _NOTHING
    return None, Place(parent.trace_id, 0, parent.span_id, sampled=True)


def _begin(
    api: _Api,
    tracer: Any,
    parent: Any,
    kind: "TaskKind",
    settings: "Settings",
) -> Begun:
    linked = parent is not None and settings.span_parent == "link"
    # As few as possible: one costs 4 µs, most of it at export. The stream is the scope's attribute,
    # as in evidence, and evidence names the span; its name is the task's; and what is usual is not
    # said.
    span = tracer.start_span(
        kind.name,
        context=api.new_trace if linked else None,
        kind=api.consumer,
        attributes=_attributes(kind) if kind.platform != _ASYNCIO or kind.origin != _APP else None,
        links=[api.trace.Link(parent)] if linked else None,
    )
    own = span.get_span_context()
    if not own.is_valid:
        return _NOTHING
    trace_id, span_id, sampled = own.trace_id, own.span_id, own.trace_flags & 1 == 1
    if parent is None:
        return span, Place(trace_id, span_id, 0, sampled)
    parent_span_id = parent.span_id
    # A provider that is no SDK may hand back the parent's span: then the task has none of its own.
    mine, span_id = (None, 0) if span_id == parent_span_id else (span, span_id)
    if linked:
        links = f"{parent.trace_id:032x}-{parent_span_id:016x}"
        return mine, Place(trace_id, span_id, 0, sampled, links)
    return mine, Place(trace_id, span_id, parent_span_id, sampled)


_APP: Final = names.ORIGIN_APP
_ASYNCIO: Final = names.PLATFORM_ASYNCIO


def _attributes(kind: "TaskKind") -> dict[str, str]:
    attributes = {}
    if kind.platform != _ASYNCIO:
        attributes[names.PLATFORM] = kind.platform
    if kind.origin != _APP:
        attributes[names.ORIGIN] = kind.origin
    return attributes


def attach(span: "Span") -> object:
    """Make the span current in the running context; returns the token for ``detach``."""
    api = _bound()
    if api is None:  # pragma: no cover - a span exists, so its API does
        return None
    return api.attach(api.set_span_in_context(span))


def detach(token: Any) -> None:
    """Undo ``attach``."""
    api = _bound()
    if api is not None:
        api.detach(token)


def end(span: "Span", ending: "Ending", failure: "Failure | None", settings: "Settings") -> None:
    """End the span, with status ERROR and what happened unless the task completed. Never raises.

    The exception's event carries the redacted texts, as its evidence does.
    """
    try:
        if failure is not None and span.is_recording():
            _describe(span, ending, failure, settings)
        span.end()
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("ending a task's span")


def _describe(span: "Span", ending: "Ending", failure: "Failure", settings: "Settings") -> None:
    """What happened to a task that did not complete."""
    api = _bound()
    attributes = {names.OUTCOME: ending.outcome, names.REASON: ending.reason}
    if failure.error_type:
        attributes[names.ERROR_TYPE] = failure.error_type
    if failure.awaiting:
        attributes[names.AWAITING] = failure.awaiting
    span.set_attributes(attributes)
    if api is not None:
        span.set_status(api.error, failure.exception_message or ending.reason)
    if failure.exception_type and settings.exceptions_on_spans:
        span.add_event("exception", exception_attributes(failure))


def exception_attributes(failure: "Failure") -> dict[str, str]:
    """The attributes of an exception as the semantic conventions name them."""
    return {
        names.EXCEPTION_TYPE: failure.exception_type,
        names.EXCEPTION_MESSAGE: failure.exception_message,
        names.EXCEPTION_STACKTRACE: failure.exception_stacktrace,
    }
