"""One method of a class, replaced by ours, and put back."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final


class Patch:
    """Somebody else may wrap our method in turn: then ours stays inside, and is put in no more."""

    def __init__(
        self, owner: type, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]
    ) -> None:
        self._owner: Final = owner
        self._name: Final = name
        self._make: Final = make
        """Makes ours from theirs."""
        self._ours: Callable[..., Any] | None = None
        self._theirs: Callable[..., Any] | None = None
        """``None`` where the class inherits it."""

    def install(self) -> None:
        """Put ours in, unless it is there, be it inside of what somebody wrapped around it."""
        if self._ours is None:
            theirs = getattr(self._owner, self._name)
            self._theirs = vars(self._owner).get(self._name)
            self._ours = wraps(theirs)(self._make(theirs))
            setattr(self._owner, self._name, self._ours)

    def remove(self) -> None:
        """Put theirs back, unless somebody has wrapped ours."""
        if self._ours is None or vars(self._owner).get(self._name) is not self._ours:
            return
        if self._theirs is None:
            delattr(self._owner, self._name)
        else:
            setattr(self._owner, self._name, self._theirs)
        self._ours = self._theirs = None
