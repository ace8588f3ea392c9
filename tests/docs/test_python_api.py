"""docs/python.md: every function and parameter is there, and what it shows is what is kept."""

import inspect
import json
import re
import sys
from dataclasses import make_dataclass
from datetime import UTC, datetime
from types import ModuleType

import pytest

import afterword
from afterword import redaction
from afterword.capture import capture
from afterword.settings import Settings
from worlds.reference import DOCS

PAGE = (DOCS / "python.md").read_text()


def test_every_function_and_parameter_is_told() -> None:
    """By name: functions in headings, parameters as they are written in a call."""
    headings = " ".join(re.findall(r"(?m)^## (.+)$", PAGE))
    for name in afterword.__all__:
        assert name in headings, name
        for parameter in inspect.signature(getattr(afterword, name)).parameters.values():
            optional = parameter.kind is parameter.KEYWORD_ONLY
            told = f"{parameter.name}=" if optional else parameter.name
            assert told in PAGE, f"{name}: {told}"


def test_the_redacted_names_are_those_of_the_code() -> None:
    """Each list of the table, name by name."""
    table = PAGE.partition("<!-- redacted names")[2].partition("<!-- end")[0]
    rows = dict(re.findall(r"(?m)^\| (\w[\w ]*) \| (`.+`) \|$", table))
    for row, names in (
        ("contains", redaction._CONTAINED),
        ("ends with", redaction._AT_THE_END),
        ("is", redaction._WHOLE),
    ):
        assert sorted(re.findall(r"`(\w+)`", rows[row])) == sorted(names), row


def test_the_payload_is_what_capture_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The document shown is written for such arguments, to the letter."""
    orders = ModuleType("shop.orders")
    order = make_dataclass("Order", [("id", int), ("card_number", str)])
    order.__module__ = "shop.orders"
    vars(orders)["Order"] = order
    monkeypatch.setitem(sys.modules, "shop.orders", orders)

    async def bill(order: object, due: datetime) -> None: ...

    coroutine = bill(order(17, "4111"), datetime(2026, 11, 23, 12, tzinfo=UTC))
    kept = capture(coroutine, wanted=True, settings=Settings())
    coroutine.close()
    shown = PAGE.partition("```json\n")[2].partition("```")[0]
    assert kept.payload is not None
    assert json.loads(kept.payload) == json.loads(shown)
