"""The version, as evidence and spans name it. Kept equal to the distribution's by a test."""

from typing import Final

# importlib.metadata would say it, for 10 ms of every cold start.
VERSION: Final = "0.1.0"
