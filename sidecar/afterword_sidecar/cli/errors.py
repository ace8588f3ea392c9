"""Mistakes and misfortunes on the command line: said in a sentence, never as a traceback."""

import click

from afterword_sidecar.cli.terminal import many_lines


class CommandError(click.ClickException):
    """What could not be done, of what, and what to do about it. Exit code 1.

    It may repeat what clients sent, such as the name of a service: that drives no terminal.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(many_lines(f"{what}\n  {hint}" if hint else what))
