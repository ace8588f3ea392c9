"""Afterword: deferred work, watched from the moment it is handed over."""

from afterword.configuration import configure
from afterword.flushing import flush
from afterword.instrumenting import instrument, uninstrument
from afterword.marking import deferred
from afterword.tracking import wait_until

__all__ = ["configure", "deferred", "flush", "instrument", "uninstrument", "wait_until"]
