"""Opening a task's entry: named, placed in its trace, its payload taken, told before it is run."""

import math
from collections.abc import Callable, Mapping
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from afterword import counters, internal_errors, names, spans, surroundings
from afterword.deliveries import open_delivery
from afterword.internal_errors import logger
from afterword.kinds import Naming
from afterword.stream import Stream, current
from afterword.task_record import NO_DETAIL, Detail
from afterword.tracked import Tracked

if TYPE_CHECKING:
    from afterword.delivery import Delivery
    from afterword.settings import Settings


class _Unsaid:
    """A payload argument that was not given; ``None`` is a payload."""

    def __repr__(self) -> str:
        return "…"


UNSAID: Final = _Unsaid()


class Request(NamedTuple):
    """What the caller, or the platform, says of a task beyond what it is."""

    name: str | None = None
    deadline: float | None = None
    payload: object = UNSAID
    platform: str = names.PLATFORM_ASYNCIO
    guard_lead_seconds: float = 0.0
    """How long before the deadline to report; 0: as the settings say."""
    arguments: Callable[[], Mapping[str, object]] | None = None
    """How to read the arguments of what does not show them as a coroutine does."""
    durable: bool | None = None
    """Whether its work waits until the opening is safe; ``None``: as function or settings say."""


_NOTHING_SAID: Final = Request()


def request_of(
    name: object, deadline: float | None, payload: object, durable: object = None
) -> Request:
    """The request of a caller; the same object whenever nothing was said."""
    if name is None and deadline is None and payload is UNSAID and durable is None:
        return _NOTHING_SAID
    return Request(
        name if name is None or (type(name) is str and name) else _said(name),
        finite(deadline),
        payload,
        durable=None if durable is None else bool(durable),
    )


def _said(name: object) -> str | None:
    """A name that is no plain text, as text; ``None`` for none, and for one that cannot be had."""
    try:
        return str.__str__(str(name)) or None
    except Exception as error:  # noqa: BLE001 - the application's __str__ may raise anything
        raised, kind = type(error).__name__, type(name).__name__
        logger.warn_once(
            f"name {kind} {raised}",
            "afterword: name= is a %s whose text raised %s; left out",
            kind,
            raised,
        )
    return None


def finite(deadline: object) -> float | None:
    """The deadline, if it is one: a platform that never stops the task sets none."""
    if deadline is None:
        return None
    try:
        if isinstance(deadline, int | float) and math.isfinite(deadline):
            return float(deadline)
    except OverflowError:
        pass  # a whole number beyond every float
    logger.warn_once(
        f"deadline {type(deadline).__name__}",
        "afterword: deadline=%.100r is no time in Unix seconds and is left out",
        deadline,
    )
    return None


def open_task(awaitable: Any, naming: Naming, request: Request) -> Tracked:
    """Open an entry for an awaitable that has none. May raise; callers go on without us then."""
    stream = current()
    if not stream.is_ready:
        stream.ready(open_delivery)
    if not counters.registered:
        counters.register_when_possible()
    around = surroundings.current.get()
    settings = stream.settings
    known = stream.known_kind(
        request.name or naming.name, naming.function, request.platform, around.origin
    )
    span, place = spans.begin(known.kind, stream.id, settings)
    payload, omitted = None, ""
    if stream.delivery is not None:
        payload, omitted = _payload(awaitable, naming, request, settings)
    at_ns = time_ns()
    detail, lead = NO_DETAIL, 0.0
    if around is not surroundings.NOWHERE or payload is not None or omitted or request.deadline:
        lead = _lead(request, stream, at_ns)
        detail = _detail(request, around, lead, payload, omitted)
    identity = id(awaitable)
    sequence = stream.next_sequence()  # last: whatever raised before has left no hole
    tracked = Tracked(stream, known, sequence, at_ns, place, detail, span, identity)
    with stream.lock:
        known.tally.scheduled += 1
    stream.open_tasks[sequence] = tracked
    stream.by_identity[identity] = tracked
    if stream.delivery is not None:
        said = request.durable or settings.durable or naming.registration is not None
        if said and _is_durable(request, naming, settings):
            _send_and_hold(tracked, stream.delivery)
        else:
            stream.delivery.opened(tracked)
        if lead:
            _guard(tracked)
    return tracked


def _payload(
    awaitable: Any, naming: Naming, request: Request, settings: "Settings"
) -> tuple[str | None, str]:
    """The payload, and why there is none where one was asked for."""
    wanted = request.payload
    if wanted is UNSAID:
        registration = naming.registration
        said = registration.capture if registration is not None else None
        wanted = settings.capture if said is None else said
    if wanted is False:
        return _NO_PAYLOAD
    try:
        from afterword.capture import capture  # noqa: PLC0415 - off by default
    except Exception:  # noqa: BLE001 - no descriptor is free, or no room on the stack; that passes
        internal_errors.handle("loading what captures payloads")
        return None, "what captures it could not be loaded; see the log"
    return capture(awaitable, wanted, settings, request.arguments)


_NO_PAYLOAD: Final = (None, "")


def _detail(
    request: Request,
    around: surroundings.Surroundings,
    lead: float,
    payload: str | None,
    omitted: str,
) -> Detail:
    """What few openings tell."""
    route = around.route
    if not route and around.route_now is not None:
        route = around.route_now()
    return Detail(
        request.deadline, lead, route, around.invocation, around.dead_letter, payload, omitted
    )


def _lead(request: Request, stream: Stream, at_ns: int) -> float:
    """The guard's lead in seconds; 0 where nothing is guarded."""
    if request.deadline is None or stream.delivery is None:
        return 0.0
    wanted_seconds = request.guard_lead_seconds or stream.settings.guard_lead_seconds
    return lead_within(wanted_seconds, request.deadline - at_ns / 1e9)


def lead_within(wanted_seconds: float, remaining_seconds: float) -> float:
    """How long before a deadline the guard reports: never in the first half of what remains."""
    return max(0.0, min(wanted_seconds, remaining_seconds / 2))


def _is_durable(request: Request, naming: Naming, settings: "Settings") -> bool:
    """As the first who says so: the caller, the function's mark, the settings."""
    if request.durable is not None:
        return request.durable
    by_function = naming.registration.durable if naming.registration is not None else None
    return settings.durable if by_function is None else by_function


def _send_and_hold(tracked: Tracked, delivery: "Delivery") -> None:
    """Send the opening, and hold the work until it is safe."""
    from afterword.durable import Confirmation  # noqa: PLC0415 - only where used

    tracked.held = Confirmation(tracked.stream.settings.durable_timeout_seconds)
    delivery.send_confirmed(tracked.opening, tracked.held.tell)


def _guard(tracked: Tracked) -> None:
    """Have it reported before its deadline, if that can be had: its entry stands without it."""
    try:
        _guarded(tracked)
    except Exception:  # noqa: BLE001 - as for payloads
        internal_errors.handle("guarding a task's deadline")


def _guarded(tracked: Tracked) -> None:
    from afterword import guard  # noqa: PLC0415 - tasks without a deadline need none

    guard.expect(tracked)
