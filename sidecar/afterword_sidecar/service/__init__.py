"""The one writer of the book: queue, ledger, store commit, then the acknowledgement."""

from afterword_sidecar.service.pace import Pace
from afterword_sidecar.service.refusals import Overloaded, Refused, StoreUnavailable
from afterword_sidecar.service.service import Service
from afterword_sidecar.service.stats import COMMIT_SECONDS_BOUNDS, ServiceStats

__all__ = [
    "COMMIT_SECONDS_BOUNDS",
    "Overloaded",
    "Pace",
    "Refused",
    "Service",
    "ServiceStats",
    "StoreUnavailable",
]
