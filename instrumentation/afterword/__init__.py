"""Afterword: deferred work, watched from the moment it is handed over."""

from afterword.configuration import configure
from afterword.flushing import flush
from afterword.marking import deferred
from afterword.tracking import wait_until

__all__ = ["configure", "deferred", "flush", "wait_until"]
