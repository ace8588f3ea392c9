"""Afterword's sidecar: receives evidence, keeps the book, and shows it."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("afterword")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
