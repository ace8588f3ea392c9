"""What can be wrong with a spool directory."""


class SpoolError(Exception):
    """A spool directory cannot be used. The message names operation, subject and a hint."""

    def __init__(self, operation: str, subject: str, hint: str) -> None:
        super().__init__(f"cannot {operation} {subject}: {hint}")
        self.operation = operation
        self.subject = subject
        self.hint = hint
