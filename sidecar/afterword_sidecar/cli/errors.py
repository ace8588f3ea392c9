"""Mistakes and misfortunes on the command line: said in a sentence, never as a traceback."""

import click


class CommandError(click.ClickException):
    """What could not be done, of what, and what to do about it. Exit code 1."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(f"{what}\n  {hint}" if hint else what)
