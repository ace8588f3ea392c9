"""Outcomes and reasons as the closed list has them."""

from typing import Final

from afterword import names
from afterword_sidecar.otlp.values import Rejected

_REASONS: Final[dict[str | None, tuple[str, dict[str | None, str]]]] = {
    outcome: (outcome, {reason: reason for reason in reasons})
    for outcome, reasons in names.REASONS.items()
}


def outcome_and_reason(outcome: str | None, reason: str | None) -> tuple[str, str]:
    """Both as ``names`` has them, the very objects.

    A reason that is not the outcome's becomes ``other``; one that was not told is the outcome's
    only one, where it has only one. Raises ``Rejected`` for an outcome that is none of the six.
    """
    known = _REASONS.get(outcome)
    if known is None:
        raise Rejected("bad_outcome")
    outcome, reasons = known
    told = reasons.get(reason)
    if told is None:
        told = names.OTHER_REASON
        if not reason and len(reasons) == 1:
            (told,) = reasons.values()
    return outcome, told
