"""What Prometheus is told: the book's totals, and the sidecar about itself."""

from afterword_sidecar.metrics.exemplars import Exemplars, exemplars_of
from afterword_sidecar.metrics.exposition import Exposition, accepts_gzip, negotiate, render
from afterword_sidecar.metrics.families import Families, families
from afterword_sidecar.metrics.its_upstream import ItsUpstream
from afterword_sidecar.metrics.itself import Itself, ItsSpool

__all__ = [
    "Exemplars",
    "Exposition",
    "Families",
    "ItsSpool",
    "ItsUpstream",
    "Itself",
    "accepts_gzip",
    "exemplars_of",
    "families",
    "negotiate",
    "render",
]
