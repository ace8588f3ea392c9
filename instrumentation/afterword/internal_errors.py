"""What happens to an error of our own: it never reaches the application.

In production it is logged once per place, with its traceback, and the application goes on. Under
test it is re-raised, so that a bug of ours fails the test that met it.
"""

import logging
import sys
from contextlib import suppress
from typing import Final

told: Final[set[str]] = set()
"""What ``warn_once`` has warned of."""
_MOST_TOLD: Final = 200


class Log:
    """A logger's warnings and errors. What the application's handlers raise is not passed on.

    ``logging`` passes it on to whoever logs; here that would be whoever hands a task over.
    """

    def __init__(self, name: str) -> None:
        self._logger: Final = logging.getLogger(name)

    def warn_once(self, subject: str, message: str, *arguments: object) -> None:
        """Warn of what may come with every task: once per subject, of so many subjects at most."""
        if subject in told or len(told) >= _MOST_TOLD:
            return
        told.add(subject)
        with suppress(Exception):
            self._logger.warning(message, *arguments, stacklevel=2)

    def warning(self, message: str, *arguments: object) -> None:
        """As ``logging.Logger.warning``."""
        with suppress(Exception):
            self._logger.warning(message, *arguments, stacklevel=2)

    def error(self, message: str, *arguments: object, exc_info: BaseException | None) -> None:
        """As ``logging.Logger.error``."""
        with suppress(Exception):
            self._logger.error(message, *arguments, exc_info=exc_info, stacklevel=2)


logger: Final = Log("afterword")

_reported: set[tuple[str, int]] = set()
_MOST_PLACES: Final = 100

re_raise = False
"""True under our own tests only."""


def handle(operation: str) -> None:
    """Deal with the exception now being handled, met while doing ``operation``.

    Raises that exception again if ``re_raise`` is set, and nothing otherwise. Says nothing of what
    a finalizer meets while the interpreter is taken down: modules are gone by then.
    """
    error = sys.exception()
    if re_raise and error is not None:
        raise error
    if sys.is_finalizing():
        return
    place = _place(error)
    if place in _reported or len(_reported) >= _MOST_PLACES:
        return
    _reported.add(place)
    logger.error(
        "afterword: %s failed; the application goes on, this task's evidence may be incomplete. "
        "Please report this. (Told once per place.)",
        operation,
        exc_info=error,
    )


def _place(error: BaseException | None) -> tuple[str, int]:
    """The file and line that raised."""
    traceback = error.__traceback__ if error is not None else None
    if traceback is None:
        return (type(error).__name__, 0)
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return (traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)
