"""What is written to a terminal: nothing that a client sent may drive it.

Task names, messages and payloads come from anywhere. Escape sequences in them could recolour,
rename or rewrite what the operator sees, and bidirectional marks could make it read differently.
"""

import io
import os
import sys
import unicodedata
from typing import Final

import click
from rich.console import Console

_NEWLINE_AND_TAB: Final = "\n\t"
_PIPE_WIDTH: Final = 200
"""Of a table that no terminal limits."""


def _drives(character: str) -> bool:
    # Controls, formats (bidi, zero width), surrogates, private use, line separators.
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def one_line(text: str) -> str:
    """``text`` for a cell: every control written as an escape, newlines too."""
    return "".join(_escape(character) if _drives(character) else character for character in text)


def many_lines(text: str) -> str:
    """``text`` as a block: newlines and tabs stay."""
    return "".join(
        _escape(character)
        if _drives(character) and character not in _NEWLINE_AND_TAB
        else character
        for character in text
    )


def json_text(document: str) -> str:
    """A JSON document with such characters as JSON escapes: still the same document."""
    return "".join(
        _json_escape(character)
        if _drives(character) and character not in _NEWLINE_AND_TAB
        else character
        for character in document
    )


def print_json(document: bytes) -> None:
    """A JSON document on standard output: UTF-8 into a pipe, whatever the locale says."""
    click.echo(json_text(document.decode()) if sys.stdout.isatty() else document)


def survive_any_locale() -> None:
    """What standard output cannot say (the locale ``C``) is written as an escape."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def console() -> Console:
    """Standard output; colour on a terminal unless ``NO_COLOR`` is set, wide into a pipe."""
    found = Console(markup=False, highlight=False, emoji=False)
    if not found.is_terminal and "COLUMNS" not in os.environ:
        found.width = _PIPE_WIDTH
    return found


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode()


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
