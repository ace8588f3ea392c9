"""What is wrong with a setting, in one line."""

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One wrong setting."""

    name: str
    """The flag or variable it was given by."""
    value: str | None
    """As given, shortened; never a secret. ``None``: the name is what is wrong."""
    why: str
    hint: str

    def __str__(self) -> str:
        """One line for a person."""
        subject = self.name if self.value is None else f"{self.name}={self.value!r}"
        return f"{subject}: {self.why}; {self.hint}"
