"""Which tasks are watched: patterns over the names of the functions they run. Pure."""

import re
from fnmatch import translate
from typing import Final

from afterword.kinds import Naming

_MOST_REMEMBERED: Final = 4096


class Patterns:
    """Shell patterns (``shop.*``, ``send_*``): of a module, a function, or both."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self.patterns: Final = patterns
        self._expression: Final = (
            re.compile("|".join(map(translate, patterns))) if patterns else None
        )
        self._known: Final[dict[str, bool]] = {}

    def match(self, naming: Naming) -> bool:
        """Whether one fits: module and qualified name, qualified name, name, or a mark's name."""
        known = self._known.get(naming.function)
        if known is None:
            known = self._matches(naming)
            if len(self._known) < _MOST_REMEMBERED:
                self._known[naming.function] = known
        return known

    def _matches(self, naming: Naming) -> bool:
        if self._expression is None:
            return False
        plain_name = naming.function.rpartition(".")[2]
        candidates = {naming.function, naming.name, plain_name}
        return any(self._expression.match(candidate) for candidate in candidates)
