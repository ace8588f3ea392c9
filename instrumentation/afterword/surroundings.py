"""What a task inherits from where it is handed over. Platforms set it; nested tasks inherit it."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, NamedTuple

from afterword import names


class Surroundings(NamedTuple):
    """Where a task is handed over."""

    origin: str = names.ORIGIN_APP
    dead_letter: str = ""
    """For the replayed task itself, not for those it hands over: the dead letter's id."""
    route: str = ""
    """``http.route`` of the request."""
    invocation: str = ""
    """``faas.invocation_id``."""
    route_now: Callable[[], str] | None = None
    """Asked when a task is handed over, where a request's route is known only once it is matched.
    Told only if ``route`` is empty."""


NOWHERE: Final = Surroundings()
current: Final[ContextVar[Surroundings]] = ContextVar("afterword.surroundings", default=NOWHERE)
