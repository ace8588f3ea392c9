"""Afterword: deferred work, watched from the moment it is handed over.

To pytest: PYTEST_DONT_REWRITE. It rewrites what comes with a plugin, has nothing to rewrite here,
and would warn where ``opentelemetry-instrument`` has imported this before.
"""

from afterword.configuration import configure
from afterword.flushing import flush
from afterword.instrumenting import instrument, uninstrument
from afterword.marking import deferred
from afterword.tracking import wait_until

__all__ = ["configure", "deferred", "flush", "instrument", "uninstrument", "wait_until"]
