"""The SQLite store. The rest of the package is its own business."""

from afterword_sidecar.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
