"""Payloads: what is kept of a task's arguments, and that it reads back as what it was."""

import asyncio
import datetime as dt
import enum
import json
import math
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import afterword
from afterword import testing
from afterword.capture import capture
from afterword.capture.classes import PayloadError
from afterword.capture.reading import Absent, decode
from afterword.capture.writing import encode
from afterword.evidence import Opening
from afterword.redaction import Redactor
from afterword.settings import Settings
from worlds.payload_types import (
    Address,
    Colour,
    Customer,
    Line,
    Order,
    Permission,
    Point,
    Priority,
)

_OPEN = Redactor((), None)
_LIMIT = 1 << 20


def round_trip(value: object) -> Any:
    text = encode(value, "value", _OPEN, _LIMIT).text
    text.encode("utf-8")  # what leaves is UTF-8
    json.loads(text, parse_constant=_no_constant)  # and strict JSON
    return decode(text)


def _no_constant(name: str) -> NoReturn:
    raise AssertionError(f"{name} is no JSON")


_TWO_HOURS = dt.timezone(dt.timedelta(hours=2))
_ZONES = st.sampled_from([None, dt.UTC, ZoneInfo("Europe/Berlin"), _TWO_HOURS])
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**200), max_value=2**200)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.datetimes(timezones=_ZONES)
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.sampled_from([*Colour, *Priority, Permission.READ | Permission.WRITE, Permission(0)])
)
_HASHABLE = _SCALARS | st.tuples(_SCALARS, _SCALARS) | st.builds(Point, _SCALARS, _SCALARS)
_FIELD = st.text() | st.sampled_from(["$type", "value", "class"])
_LINES = st.builds(Line, st.text(), st.decimals(allow_nan=False))
_VALUES = st.recursive(
    _HASHABLE,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(_FIELD.filter(lambda name: not _OPEN.is_sensitive(name)), inner)
        | st.dictionaries(_HASHABLE.filter(lambda key: not isinstance(key, str)), inner)
        | st.builds(Order, st.integers(), st.lists(_LINES), st.none() | st.text())
        | st.builds(lambda extra: Customer.model_validate({"name": "Ada", "extra": extra}), inner)
    ),
    max_leaves=8,
)  # fmt: skip


@given(_VALUES)
def test_any_plain_data_reads_back_as_what_it_was(value: object) -> None:
    """Equal, and of the same types all the way down."""
    back = round_trip(value)
    assert back == value
    assert shape(back) == shape(value)


def shape(value: Any) -> Any:
    """Its types, recursively."""
    if isinstance(value, dict):
        return (dict, [(shape(key), shape(item)) for key, item in value.items()])
    if isinstance(value, list | tuple):
        return (type(value), [shape(item) for item in value])
    if isinstance(value, Order | Customer):
        return (type(value), shape(dict(vars(value))))
    return type(value)


@given(st.sets(_SCALARS))
def test_sets(value: set[object]) -> None:
    """Sets and frozen sets keep what they are."""
    assert round_trip(value) == value
    frozen = round_trip(frozenset(value))
    assert (frozen, type(frozen)) == (frozenset(value), frozenset)


def test_what_equality_does_not_show() -> None:
    """NaN, the sign of zero, a zone's name and the second of two 2:30s."""
    assert math.isnan(round_trip(float("nan")))
    assert math.copysign(1, round_trip(-0.0)) == -1
    assert str(round_trip(Decimal("1.10"))) == "1.10"
    second = dt.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    back = round_trip(second)
    assert (back.utcoffset(), back.tzinfo, back.fold) == (
        dt.timedelta(hours=1), ZoneInfo("Europe/Berlin"), 1,
    )  # fmt: skip


def test_pydantic_models_keep_what_was_set() -> None:
    """Aliases, extras and the set of fields that were given."""
    customer = Customer.model_validate(
        {"name": "Ada", "address": Address(street="Elm", zip=12345), "vip": True}
    )
    back = round_trip(customer)
    assert back == customer
    assert back.model_fields_set == customer.model_fields_set
    assert back.model_dump() == customer.model_dump()


class _Connection:
    """Something that no payload can hold."""


def test_what_cannot_be_kept_is_named() -> None:
    """In its place, with the reason; everything beside it is kept."""
    cycle: list[object] = [1]
    cycle.append(cycle)

    class Local(Order):
        pass

    deep: list[object] = []
    for _ in range(100):
        deep = [deep]
    value = {
        "db": _Connection(), "cycle": cycle, "local": Local(1), "deep": deep, "kept": 1,
    }  # fmt: skip
    written = encode(value, "arguments", _OPEN, _LIMIT)
    assert written.omitted.keys() >= {"arguments.db", "arguments.cycle.1", "arguments.local"}
    assert "_Connection is no plain data" in written.omitted["arguments.db"]
    assert written.omitted["arguments.cycle.1"] == "contains itself"
    assert "cannot be found by its name" in written.omitted["arguments.local"]
    assert any(why.startswith("nested more than") for why in written.omitted.values())
    back = decode(written.text)
    assert back["kept"] == 1
    assert back["cycle"] == [1, Absent("contains itself")]


class Field(enum.Enum):
    """Keys of a dict that are no text."""

    PASSWORD = 1
    NOTE = 2

    def __repr__(self) -> str:
        raise AssertionError("the application's own code is not called")


def test_keys_that_are_no_text_are_names_too() -> None:
    """What is sensitive is left out under any key, and no key is asked for its ``repr``."""
    values = {Field.PASSWORD: "a", Field.NOTE: "b", ("password", 1): "c", ("note", 1): "d", 7: "e"}
    written = encode(values, "arguments", _OPEN, _LIMIT)
    assert set(written.omitted.values()) == {"redacted"}
    back = decode(written.text)
    assert {key: value for key, value in back.items() if not isinstance(value, Absent)} == {
        Field.NOTE: "b", ("note", 1): "d", 7: "e",
    }  # fmt: skip


def test_an_object_that_raises_whatever_is_asked_of_it_is_named() -> None:
    """It costs the payload itself, and nothing else of it."""

    class Broken:
        def __getattribute__(self, name: str) -> object:
            raise RuntimeError(name)

        __repr__ = __getattribute__  # type: ignore[assignment] # it raises, that is all

    class Keyed(Broken):
        __hash__ = object.__hash__

    value = {"broken": Broken(), "keys": {Keyed(): 1}, "kept": 1}
    written = encode(value, "arguments", _OPEN, _LIMIT)
    assert written.omitted.keys() == {"arguments.broken", "arguments.keys.key"}
    for why in written.omitted.values():
        assert "cannot be found by its name" in why
    assert decode(written.text)["kept"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        '{"$type": "from the future", "value": 1}',
        '{"$type": "enum", "class": "os:system", "value": "ls"}',
        '{"$type": "pydantic", "class": "subprocess:Popen", "value": {}, "set": []}',
        '{"$type": "dataclass", "class": "never_imported:Order", "value": {}}',
        '{"$type": "int"}',
        "[" * 100_000,
    ],
)
def test_a_document_that_is_no_payload(text: str) -> None:
    """One error, whatever is wrong; no class that is not loaded, nothing that is called."""
    with pytest.raises(PayloadError):
        decode(text)


async def send(  # the parameters are the point
    order: Order, *codes: int, urgent: bool = False, **more: object
) -> None:
    """A task."""


def captured(wanted: object, settings: Settings | None = None) -> Any:
    coroutine = send(Order(7), 1, 2, urgent=True, api_key="hunter2", note="hunter3")
    payload, omitted = capture(coroutine, wanted, settings or Settings())
    coroutine.close()
    assert omitted == ""
    assert payload is not None
    return decode(payload)


def test_the_arguments_of_a_coroutine_that_has_not_started() -> None:
    """By name, ``*args`` and ``**kwargs`` too; what its name says is secret is left out."""
    assert captured(True) == {
        "arguments": {
            "order": Order(7),
            "urgent": True,
            "*codes": (1, 2),
            "**more": {"api_key": Absent("redacted"), "note": "hunter3"},
        },
        "omitted": {"arguments.**more.api_key": "redacted"},
    }


def test_closures_and_methods_show_their_arguments() -> None:
    """Cells of a closure are arguments too; an object that is no data is named, not kept."""

    class Shop:
        async def sell(self, number: int) -> Callable[[], int]:
            return lambda: number

    coroutine = Shop().sell(4)
    payload, _ = capture(coroutine, True, Settings())
    coroutine.close()
    assert payload is not None
    arguments = decode(payload)["arguments"]
    assert arguments["number"] == 4
    assert isinstance(arguments["self"], Absent)


def test_a_payload_of_the_callers_own() -> None:
    """Any value but True and False stands for the arguments; ``None`` is one."""
    assert captured({"order": 7}) == {"value": {"order": 7}}
    assert captured(None) == {"value": None}


def test_the_applications_own_redaction() -> None:
    """It sees each path and value; what it raises on is left out and told without the value."""

    def redact(path: str, value: object) -> object:
        if path.endswith("note"):
            raise ValueError(f"cannot judge {value}")
        return value + 1 if isinstance(value, int) and not isinstance(value, bool) else value

    seen = captured(True, Settings(redact=redact))["arguments"]
    assert (seen["order"].number, seen["*codes"], seen["urgent"]) == (8, (2, 3), True)
    assert "hunter3" not in str(seen)
    assert "redact callable failed" in seen["**more"]["note"]


@pytest.mark.parametrize(
    "value",
    ["x" * 2000, b"x" * 2000, list(range(2000)), {"k" * 500: 1, "l" * 600: 2}, [[["€" * 400]]]],
    ids=["text", "bytes", "list", "keys", "characters of three bytes"],
)
def test_a_payload_is_bounded(value: object) -> None:
    """Over the bound there is none, and the reason is told."""
    payload, omitted = capture(None, value, Settings(capture_max_bytes=1000))
    assert payload is None
    assert omitted == "larger than 1000 bytes"


def test_endless_data_is_given_up_early() -> None:
    """A gigabyte behind a reference counts as it is met, not once it is written."""
    wide = ["x" * 10_000] * 100_000
    payload, omitted = capture(None, wide, Settings())
    assert (payload, omitted) == (None, "larger than 65536 bytes")


async def _hand_over(coroutine: Any, **options: Any) -> None:
    future = afterword.wait_until(coroutine, **options)
    assert future is not None
    await asyncio.wait([future])


@afterword.deferred(name="kept", capture=True)
async def kept(number: int) -> None:
    """A function that asks for capture."""


@afterword.deferred(capture=False)
async def private(number: int) -> None:
    """A function that refuses it."""


async def plain(number: int) -> None:
    """A function that says nothing."""


async def test_who_decides_on_capture() -> None:
    """Off by default; the call over the function over the settings."""
    with testing.recording() as evidence:
        await _hand_over(plain(1))
        await _hand_over(plain(2), payload=True)
        await _hand_over(kept(3))
        await _hand_over(kept(4), payload=False)
    with testing.recording(capture=True) as everything:
        await _hand_over(plain(5))
        await _hand_over(private(6))
    payloads = [opening.payload for opening in evidence.of(Opening) + everything.of(Opening)]
    numbers = [decode(text)["arguments"]["number"] if text else None for text in payloads]
    assert numbers == [None, 2, 3, None, 5, None]


async def test_why_there_is_no_payload() -> None:
    """A started coroutine, a task: their arguments cannot be had, and that is told."""
    with testing.recording() as evidence:
        await _hand_over(asyncio.create_task(plain(1)), payload=True)
        await _hand_over(asyncio.sleep(0), payload=uuid.UUID(int=0))
    task, explicit = evidence.of(Opening)
    assert task.payload is None
    assert "does not show its arguments" in task.payload_omitted
    assert explicit.payload is not None
    assert decode(explicit.payload) == {"value": uuid.UUID(int=0)}
