"""Long time-outs, for tests of what is done and not of how soon: the machine may be slow."""

from typing import Any

from afterword.delivery.http import HttpDelivery
from afterword.platforms.vercel import drain, freeze

SECONDS = 60.0


def be() -> None:
    """From now on an end waits for its evidence, and evidence for more of it, for so long."""
    vars(drain)["FOLDING_SECONDS"] = SECONDS
    for name in ("PATIENCE_SECONDS", "SHORT_PATIENCE_SECONDS", "_patience_seconds"):
        vars(freeze)[name] = SECONDS
    delivery: Any = HttpDelivery.__init__
    delivery.__kwdefaults__["interval_seconds"] = SECONDS  # of one that is not made yet
