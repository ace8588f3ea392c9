"""What the first task needs, loaded at start and not while the first response is made."""

from importlib import import_module

from afterword import settings


def prepare() -> None:
    """Import the delivery that the settings ask for. Makes nothing, opens nothing."""
    in_force = settings.current()
    if in_force.spool:
        import_module("afterword.delivery.spool")
    elif in_force.endpoint:
        import_module("afterword.delivery.http")
