"""What a journal cannot do. A store's error: the commit it belongs to did not happen either."""

from pathlib import Path

from afterword_sidecar.stores.contract import StoreError


class JournalError(StoreError):
    """Operation, file and hint, as every store says them."""

    def __init__(self, operation: str, path: Path, why: object, hint: str) -> None:
        super().__init__(f"{operation}: {path}: {why}; {hint}")
