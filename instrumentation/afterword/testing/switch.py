"""``set_testing``: errors of our own are raised, where in production they are logged."""

from afterword import internal_errors


def set_testing(testing: bool) -> None:  # noqa: FBT001 - a setter; reads well as set_testing(True)
    """Whether Afterword raises its own errors. The fixture ``deferred_tasks`` does it by itself.

    In production they are logged once a place and the application goes on; in a test they should
    fail the test.
    """
    internal_errors.re_raise = testing


def is_testing() -> bool:
    """Whether Afterword raises its own errors."""
    return internal_errors.re_raise
