"""Text that clients sent: kept apart from our own sentences, and what would hide in it shown. Pure.

A name may be written from right to left, or hold characters that turn around, hide or imitate what
stands beside them. Each such text is isolated; a character that is not to be seen is shown as its
escape, by the style sheet alone, so that what is copied is what was sent.
"""

import re
from typing import Final

import htpy as h

_HIDDEN: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # controls
    "\xad\u180e\u200b\u2028\u2029\u2060-\u2064\ufeff\ufff9-\ufffb"  # of no width, or other lines
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # directions
    "\ud800-\udfff"  # halves of characters
    "]"
)
_PARTS_OF_A_NAME: Final = re.compile(r"(?<=[._/:-])(?=[^._/:-])")
_LONG_NAME: Final = 20
_JSON_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAMES: Final = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


class _Return:
    """A carriage return: of the character itself a parser would make a line feed."""

    def __html__(self) -> str:
        return "&#13;"


def told(text: str) -> h.Element:
    """Text within one of our lines."""
    return h.bdi[_shown(text)]


def name(text: str) -> h.Element:
    """A dotted name; it may break after its dots, and anywhere only where a part is long."""
    parts = _PARTS_OF_A_NAME.split(text) if len(text) > _LONG_NAME else [text]
    broken: list[h.Node] = [_shown(parts[0])]
    for part in parts[1:]:
        broken += [h.wbr, _shown(part)]
    return h.bdi(class_="long" if max(map(len, parts)) > _LONG_NAME else None)[broken]


def lines(text: str) -> h.Node:
    """Text with lines and tabs of its own, for an element that isolates each of its lines."""
    return _shown(text, kept="\n\t")


def document(text: str) -> h.Node:
    """A JSON document: its strings are isolated, so that keys stay where they are."""
    if text.isascii():
        return lines(text)
    pieces: list[h.Node] = []
    end = 0
    for found in _JSON_STRING.finditer(text):
        if not found[0].isascii():
            pieces += [lines(text[end : found.start()]), h.bdi(dir="ltr")[lines(found[0])]]
            end = found.end()
    return [*pieces, lines(text[end:])]


def plain(text: str) -> str:
    """For titles and labels, in which there is no markup: escapes in the place of characters."""
    return _HIDDEN.sub(lambda found: _escape(found[0]), text)


def _shown(text: str, kept: str = "") -> h.Node:
    if not _HIDDEN.search(text):
        return text
    pieces: list[h.Node] = []
    end = 0
    for found in _HIDDEN.finditer(text):
        character = found[0]
        if character not in kept:
            exact = _Return() if character == "\r" else character
            escape = h.span(".hidden-character", data_shown=_escape(character))[exact]
            pieces += [text[end : found.start()], escape]
            end = found.end()
    return [*pieces, text[end:]]


def _escape(character: str) -> str:
    return _NAMES.get(character) or f"\\u{ord(character):04x}"
