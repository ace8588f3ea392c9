"""Platforms: where deferred work runs today, watched without a change to the application.

One module (or package) a platform, each with ``instrument()`` and ``uninstrument()``, both without
arguments, both idempotent. They may raise ``PlatformError``; ``afterword.instrument`` tells it to
the log and not to the application. They are imported when asked for and never before.
"""


class PlatformError(Exception):
    """A platform cannot be watched. The message is one sentence: what, why, and what to do."""
