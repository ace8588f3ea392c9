"""The spool: reads the segments that applications write, and watches the locks they hold."""

from afterword_sidecar.spool.errors import SpoolError
from afterword_sidecar.spool.reader import SpoolReader
from afterword_sidecar.spool.settings import SpoolSettings
from afterword_sidecar.spool.stats import SpoolStats

__all__ = ["SpoolError", "SpoolReader", "SpoolSettings", "SpoolStats"]
