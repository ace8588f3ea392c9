"""The filters of the losses: they combine, and every one is in the URL. Pure."""

from typing import Final

import htpy as h

from afterword import names
from afterword_sidecar.web.page import client_text, words

WITHIN: Final = {
    "1h": "the last hour",
    "3h": "the last 3 hours",
    "24h": "the last 24 hours",
    "3d": "the last 3 days",
    "7d": "the last 7 days",
}
OUTCOMES: Final = tuple(name for name in names.OUTCOMES if name != names.COMPLETED)
_FIELDS: Final = ("service", "task", "error", "reason", "outcome", "state", "within")
_CONDITIONS: Final = (*_FIELDS, "since", "until")


def conditions(asked: dict[str, str]) -> dict[str, str]:
    """Those of the page's parameters that choose among the losses."""
    return {name: text for name, text in asked.items() if name in _CONDITIONS}


def filter_form(filters: dict[str, str]) -> h.Element:
    """Filters by typing and choosing; without any script, and every one is in the URL."""
    hidden = [
        h.input(type="hidden", name=name, value=filters[name])
        for name in ("since", "until")
        if name in filters
    ]
    return h.form("#filters.filters", method="get", action="/losses", aria_label="Filter")[
        [_text(name, filters) for name in ("service", "task", "error")],
        _choice("outcome", filters, {n: words.OUTCOMES_IN_WORDS[n] for n in OUTCOMES}),
        _choice("reason", filters, _reasons()),
        _choice("state", filters, {"open": "open", "closed": "closed: completed after all"}),
        _choice("within", filters, WITHIN),
        hidden,
        h.button(type="submit")["Filter"],
        _chips(filters),
    ]


def _reasons() -> dict[str, str]:
    known = {reason for outcome in OUTCOMES for reason in names.REASONS[outcome]}
    return {name: name for name in sorted(known | {names.OTHER_REASON})}


def _text(name: str, filters: dict[str, str]) -> h.Element:
    return h.label[
        h.span[f"{name}, exactly"],
        h.input(
            type="search",
            dir="auto",
            name=name,
            value=filters.get(name, ""),
            placeholder="any",
            autocomplete="off",
            spellcheck="false",
        ),
    ]


def _choice(name: str, filters: dict[str, str], options: dict[str, str]) -> h.Element:
    return h.label[
        h.span[name],
        h.select(name=name)[
            h.option(value="")["any"],
            [
                h.option(value=value, selected=filters.get(name) == value)[told]
                for value, told in options.items()
            ],
        ],
    ]


def _chips(filters: dict[str, str]) -> h.Node:
    if not filters:
        return None
    chips = [
        h.li[
            h.a(
                href=words.link("/losses", **{n: t for n, t in filters.items() if n != name}),
                aria_label=f"Without {name} {client_text.plain(text)}",
            )[
                h.span[name],
                " ",
                client_text.told(text),
                h.span(aria_hidden="true")[" \N{MULTIPLICATION SIGN}"],
            ]
        ]
        for name, text in filters.items()
    ]
    return h.ul(".chips", aria_label="Active filters")[
        chips, len(chips) > 1 and h.li[h.a(".all", href="/losses")["Clear all"]]
    ]
