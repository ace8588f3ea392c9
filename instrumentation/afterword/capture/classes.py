"""Classes in payloads, by name: only such as are loaded, and are found again under their name."""

import sys
from typing import Any


class PayloadError(ValueError):
    """A document is no payload of ours, or names a class that is not loaded."""


def class_path(kind: type) -> str:
    """``module:qualified name``."""
    return f"{kind.__module__}:{kind.__qualname__}"


def why_not_by_name(kind: type) -> str:
    """Why an object of this class could not be read back; empty if it could."""
    try:
        found = find_class(class_path(kind))
    except PayloadError:
        found = None
    if found is kind:
        return ""
    return f"its class {class_path(kind)} cannot be found by its name"


def is_pydantic(kind: type) -> bool:
    """Whether it is a pydantic model; pydantic is never imported by us."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(kind, pydantic.BaseModel)


def find_class(path: str) -> type:
    """A class of a loaded module. Raises ``PayloadError`` if there is none of that name."""
    module, _, qualified_name = path.partition(":")
    found: Any = sys.modules.get(module)
    for part in qualified_name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type):
        raise PayloadError(f"reading a payload: class {path!r} is not loaded; import its module")
    return found
