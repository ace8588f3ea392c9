"""What every view stands in: the document, its navigation, and the parts they share. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import htpy as h
import msgspec

from afterword_sidecar.web.page import client_text, words

VIEWS: Final = (
    ("/", "Book"),
    ("/tasks", "Tasks"),
    ("/losses", "Losses"),
    ("/in-flight", "In flight"),
)
_TYPES: Final = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


class Asset(msgspec.Struct, frozen=True):
    """A file of the page's own."""

    body: bytes
    content_type: str
    url: str
    """With a digest of the body in it, so that browsers may keep it for ever."""


@cache
def assets() -> Mapping[str, Asset]:
    """All of them, by name."""
    found = {}
    for name, content_type in _TYPES.items():
        body = files(__package__).joinpath("static", name).read_bytes()
        digest = hashlib.sha256(body).hexdigest()[:12]
        found[name] = Asset(body, content_type, f"/static/{name}?{digest}")
    return found


def document(title: str, path: str, at: str, *content: h.Node, live: bool = True) -> str:
    """A whole page. ``path`` is that of its view; ``at`` the moment that it shows.

    ``live``: kept up to date by the script.
    """
    return str(
        h.html(lang="en")[
            h.head[
                h.meta(charset="utf-8"),
                h.meta(name="viewport", content="width=device-width, initial-scale=1"),
                h.meta(name="color-scheme", content="light dark"),
                h.title[f"{client_text.plain(title)} · Afterword"],
                h.link(rel="icon", type="image/svg+xml", href=assets()["icon.svg"].url),
                h.link(rel="stylesheet", href=assets()["page.css"].url),
                h.script(src=assets()["page.js"].url, defer=True) if live else None,
            ],
            h.body[
                h.a(".skip", href="#content")["Skip to the content"],
                h.header(".top")[_mark(), _navigation(path), _state(at)],
                # Said by the script; within no part that it replaces.
                h.p("#stale", role="alert", hidden=True) if live else None,
                h.main("#content", tabindex="-1")[content],
            ],
        ]
    )


def _mark() -> h.Element:
    return h.a(".wordmark", href="/", aria_label="Afterword: the book")[
        h.img(src=assets()["icon.svg"].url, alt="", width="22", height="22"), "Afterword"
    ]


def _navigation(path: str) -> h.Element:
    return h.nav(aria_label="Views")[
        h.ul[
            [
                h.li[h.a(href=href, aria_current="page" if href == path else None)[name]]
                for href, name in VIEWS
            ]
        ]
    ]


def _state(at: str) -> h.Element:
    as_of = h.span("#as-of", data_live=True)["as of ", h.time(datetime=at)[words.clock(at)], " UTC"]
    # What the script says of itself; without it the page is a picture of one moment.
    return h.p(".state")[h.span("#live", hidden=True), as_of]


def section(
    name: str, title: str, *content: h.Node, aside: h.Node = None, first: bool = False
) -> h.Element:
    """A part of a view with a heading, brought up to date as a whole.

    ``first``: its heading is that of the view.
    """
    heading = h.h1 if first else h.h2
    return h.section(f"#{name}", data_live=True, aria_labelledby=f"{name}-title")[
        h.div(".heading")[heading(f"#{name}-title")[title], aside], content
    ]


def empty(what: str, why: h.Node) -> h.Element:
    """Nothing to show, and why that is."""
    return h.div(".empty")[h.p(".what")[what], h.p[why]]


def facts(pairs: list[tuple[str, h.Node]]) -> h.Element:
    """Names and values; what has no value is left out."""
    return h.dl(".facts")[
        [h.div[h.dt[name], h.dd[value]] for name, value in pairs if value not in (None, "", False)]
    ]


def copyable(text: str, *, what: str) -> h.Element:
    """Text to be copied: selected whole by a click, or by the button that the script adds."""
    return h.span(".copyable")[h.code(data_copy=what)[client_text.told(text)]]


def table(
    label: str,
    headings: list[tuple[str, str]],
    rows: Iterable[Iterable[h.Node]],
    kind: str = "",
) -> h.Element:
    """A table that scrolls by itself where the screen is narrower.

    ``headings``: (class, text) of each column; ``rows``: what stands in their cells. With a
    ``kind`` a row is a card on a phone, each cell under its heading.
    """
    return h.div(".scrolls", role="region", aria_label=label, tabindex="0")[
        h.table(class_=f"cards {kind}" if kind else None)[
            h.thead[
                h.tr[[h.th(class_=class_ or None, scope="col")[text] for class_, text in headings]]
            ],
            h.tbody[[h.tr[_cells(headings, row)] for row in rows]],
        ]
    ]


def _cells(headings: list[tuple[str, str]], row: Iterable[h.Node]) -> list[h.Element]:
    return [
        h.td(class_=class_ or None, data_heading=text)[cell]
        for (class_, text), cell in zip(headings, row, strict=True)
    ]


def problem(title: str, detail: h.Node, at: str) -> str:
    """A page that says what went wrong."""
    return document(
        title,
        "",
        at,
        h.div(".problem")[h.h1[title], h.p[detail], h.p[h.a(href="/")["To the book"]]],
        live=False,
    )
