"""Text of clients beside our own: isolated, and nothing in it hidden or taken away."""

import html
import re

import htpy as h
import pytest

from afterword_sidecar.web.page import client_text

TURNED = "evil\u202etxt.exe\u200b\x1b[2J"


def text_of(markup: object) -> str:
    """What is copied from it."""
    return html.unescape(re.sub("<[^>]*>", "", str(markup)))


@pytest.mark.parametrize(
    "text", ["plain", "a.long_dotted.name.of.a.task_or_a_class", "שלום", TURNED, "a\r\n\tb", "<b>&"]
)
def test_what_is_copied_is_what_was_sent(text: str) -> None:
    """Escapes are of the style sheet, and breaks have no text."""
    for shown in (client_text.told(text), client_text.name(text)):
        assert str(shown).startswith("<bdi")
        assert text_of(shown) == text


def test_what_would_turn_or_hide_is_shown_as_its_escape() -> None:
    """Each such character has its escape beside it; in titles it gives way to it."""
    shown = str(client_text.told(TURNED))
    assert re.findall('data-shown="([^"]*)"', shown) == ["\\u202e", "\\u200b", "\\u001b"]
    assert client_text.plain(TURNED) == "evil\\u202etxt.exe\\u200b\\u001b[2J"
    assert "data-shown" not in str(client_text.told("woman\u200d\U0001f4bb שלום é"))


def test_a_documents_strings_are_isolated_each_for_itself() -> None:
    """So a key from right to left does not change places with its value."""
    document = '{\n  "שלום": "مرحبا \\" x",\n  "b": 1\n}'
    shown = str(h.pre[client_text.document(document)])
    assert shown.count('<bdi dir="ltr">') == 2
    assert text_of(shown) == document
