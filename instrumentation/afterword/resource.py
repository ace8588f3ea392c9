"""Who reports: the resource that evidence carries."""

import sys

from afterword.settings import Settings

Attributes = dict[str, str | bool | int | float]


def resource_of(settings: Settings) -> Attributes:
    """The SDK's own resource where the application has set one up, else the environment's.

    Only values that are plain are taken; the SDK allows sequences, which say nothing about who.
    """
    attributes: Attributes = dict(settings.resource)
    trace = sys.modules.get("opentelemetry.trace")
    if trace is not None:
        resource = getattr(trace.get_tracer_provider(), "resource", None)
        for key, value in dict(getattr(resource, "attributes", {})).items():
            if isinstance(value, str | bool | int | float):
                attributes[key] = value
    return attributes
