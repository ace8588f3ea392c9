"""Misspelt variables: one that is quietly ignored is a setting the application believes in.

Imported only where a variable with our prefix is there that ``settings`` does not know.
"""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Final

PREFIX: Final = "AFTERWORD_"
_ALIKE: Final = 0.7
"""How alike a misspelt name must be, 0 to 1, for its neighbour to be suggested; the sidecar's."""
_OF_THE_COMMANDS: Final = frozenset(("AFTERWORD_URL",))
"""Others of ours that may stand in an application's environment, besides the sidecar's own."""
_PUT_THERE_BY_KUBERNETES: Final = re.compile(
    r"\w+_(SERVICE_(HOST|PORT\w*)=.*|PORT_\d+_\w+=.*|PORT=(tcp|udp|sctp)://.*)"
)
"""A Service named ``afterword`` or ``afterword-…`` leaves these in every container near it."""


def hints(strange: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """What to say of each variable that belongs to nothing of ours, by name. Pure.

    Args:
        strange: Those of the environment that have our prefix and are not ``known``. The sidecar's
            own, ``AFTERWORD_SIDECAR_…``, are the sidecar's to check.
        known: Every variable that the application's settings have.
    """
    endings = {variable.removeprefix(PREFIX): variable for variable in known}
    told = {}
    for name in sorted(strange):
        if name in _OF_THE_COMMANDS:
            continue
        if _PUT_THERE_BY_KUBERNETES.fullmatch(f"{name}={strange[name]}"):
            continue
        # By what follows the prefix, which would make all of them alike.
        near = difflib.get_close_matches(name.removeprefix(PREFIX), endings, n=1, cutoff=_ALIKE)
        meant = f"did you mean {endings[near[0]]}?" if near else "it is ignored"
        told[name] = f"there is no such setting; {meant}"
    return told
