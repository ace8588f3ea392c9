"""What a row may need of the machine that not every machine has."""


class CannotRunError(Exception):
    """This machine does not allow what the row needs; the message says what that is."""
