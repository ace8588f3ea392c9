"""The book at a glance: does it balance, what happened lately, what is in flight. Pure."""

from collections.abc import Sequence
from typing import Final

import htpy as h
import msgspec

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.audit_shapes import Audit
from afterword_sidecar.web.page import client_text, layout, words
from afterword_sidecar.web.page.book_balance import headline, silent_in
from afterword_sidecar.web.page.book_over_time import over_time
from afterword_sidecar.web.page.in_flight_view import in_flight_table, nothing_in_flight
from afterword_sidecar.web.page.losses_kinds import kind_label, kind_link

OLDEST_SHOWN: Final = 12
KINDS_SHOWN: Final = 6
_FAULTS_SHOWN: Final = 5


class BookPage(msgspec.Struct, frozen=True, kw_only=True):
    """All that the view shows."""

    book: shapes.Book
    reach: str
    oldest: Sequence[shapes.Task]
    losses: shapes.Losses | None
    """``None`` while the store cannot be asked."""
    audit: Audit | None
    """``None`` while the book is ahead of its store."""


def book_page(given: BookPage) -> str:
    """The view as HTML."""
    book = given.book
    return layout.document(
        "Book",
        "/",
        book.at,
        headline(book, given.audit),
        over_time(book, given.reach),
        h.div(".columns")[
            _in_flight(given), h.div[_lately(given.losses, book), _health(book, given.audit)]
        ],
    )


def _in_flight(given: BookPage) -> h.Element:
    in_flight = given.book.balance.in_flight
    if in_flight and not given.oldest:
        content = layout.empty(
            "Not known at the moment.",
            "The store fails, and what is in flight is shown only as it is stored.",
        )
    elif not given.oldest:
        content = nothing_in_flight(empty=not given.book.balance.scheduled)
    else:
        content = in_flight_table(given.oldest, given.book.at)
    return layout.section(
        "in-flight",
        "In flight, oldest first",
        content,
        in_flight > OLDEST_SHOWN
        and h.p(".more")[h.a(href="/in-flight")[f"All {words.count(in_flight)} in flight"]],
    )


def _lately(losses: shapes.Losses | None, book: shapes.Book) -> h.Element:
    title = "Lost lately"
    if losses is None:
        failing = "The store cannot be asked right now; totals above are of its last commit."
        return layout.section("lately", title, layout.empty("Not known at the moment.", failing))
    recent = [
        kind
        for kind in losses.kinds
        if kind.counts.last_24h and words.is_lost(kind.outcome, kind.reason)
    ]
    if not recent:
        return layout.section("lately", title, _nothing_lost(losses, book))
    return layout.section(
        "lately",
        title,
        h.ol(".ranking")[
            [
                h.li[
                    h.a(href=kind_link(kind, within="24h"))[
                        h.b(".number")[words.count(kind.counts.last_24h)], kind_label(kind)
                    ]
                ]
                for kind in recent[:KINDS_SHOWN]
            ]
        ],
        h.p(".more")[
            h.a(href="/losses")["All losses"],
            h.span(".note")[f"of {words.clock(book.at)[:5]} UTC, the last 24 hours"],
        ],
    )


def _nothing_lost(losses: shapes.Losses, book: shapes.Book) -> h.Element:
    if not book.balance.scheduled:
        return layout.empty("Nothing to show.", words.NOTHING_TOLD)
    why: h.Node = (
        ["Dead letters that are kept are listed in ", h.a(href="/losses")["all losses"], "."]
        if losses.kept_since
        else "No dead letter of the last seven days is kept."
    )
    return layout.empty("Nothing was lost in the last 24 hours.", why)


def _audit(audit: Audit) -> h.Element:
    """What the audit found, by service, and of which processes."""
    silent = silent_in(audit)
    if audit.trusted and silent:
        return h.p(".audit")[
            h.b["Nothing is missing from what was told"],
            (
                f"; {words.plural(silent, 'process is', 'processes are')} silent without a "
                "goodbye: idle, frozen or gone."
            ),
        ]
    if audit.trusted:
        return h.p(".audit")[h.b["The audit finds nothing missing"], ": it can be trusted."]
    at_fault = [each for each in audit.services if not each.trusted]
    return h.ul(".audit")[
        [
            h.li[
                h.b(".late")[client_text.told(each.service)],
                None if each.balanced else ": its series do not add up",
                [
                    h.span(".sub")[f"{fault.stream[:8]}: {'; '.join(fault.why)}"]
                    for fault in each.streams_at_fault[:_FAULTS_SHOWN]
                ],
            ]
            for each in at_fault[:_FAULTS_SHOWN]
        ],
        h.li[h.a(href="/api/v1/audit")["The whole audit"]],
    ]


def _health(book: shapes.Book, audit: Audit | None) -> h.Element:
    return layout.section(
        "evidence",
        "What it rests on",
        _audit(audit) if audit and book.balance.scheduled else None,
        layout.facts(
            [
                (
                    "Processes",
                    (
                        f"{words.count(book.streams_live)} reporting, "
                        f"{words.count(book.streams_ended)} proven dead"
                    ),
                ),
                ("Records missing now", words.count(book.evidence_holes)),
                ("Records given up", words.count(book.evidence_lost)),
                ("Verdicts taken back", words.count(book.amended)),
                (
                    "Dead letters open",
                    h.a(href="/losses?state=open")[words.count(book.dead_letters_open)],
                ),
                ("Book", layout.copyable(book.book_id, what="book id")),
            ]
        ),
    )
