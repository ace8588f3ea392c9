"""How much any store keeps or does at once, where neither the caller nor the retention says so."""

from typing import Final

RETIRED_AT_MOST: Final = 100_000
"""Streams remembered as known after their retention, 16 or 24 bytes each; the oldest go first."""

PRUNED_AT_ONCE: Final = 1_000
"""Dead letters that one ``prune`` takes at most, so that it holds up the evidence by milliseconds;
what is left beyond the retention goes with the next calls."""
