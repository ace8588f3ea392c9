"""Types as applications pass them to their tasks; found by name, as when a payload is read."""

import enum
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import pydantic


class Colour(enum.Enum):
    RED = "red"
    BLUE = ("b", 1)


class Priority(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Permission(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Point(NamedTuple):
    x: float
    y: float


@dataclass
class Order:
    number: int
    lines: list["Line"] = field(default_factory=list)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    article: str
    price: Decimal
    total: Decimal = field(init=False, default=Decimal(0))


class Address(pydantic.BaseModel):
    street: str
    zip_code: int = pydantic.Field(alias="zip")


class Customer(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")

    name: str
    address: Address | None = None
