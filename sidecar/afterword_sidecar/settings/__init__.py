"""What a sidecar can be told, where it is read from, and what is wrong with it."""

from afterword_sidecar.settings.problem import Problem
from afterword_sidecar.settings.read import (
    IN_MEMORY,
    SettingsError,
    check_places,
    read_settings,
)
from afterword_sidecar.settings.table import SETTINGS, Setting, Settings

__all__ = [
    "IN_MEMORY",
    "SETTINGS",
    "Problem",
    "Setting",
    "Settings",
    "SettingsError",
    "check_places",
    "read_settings",
]
