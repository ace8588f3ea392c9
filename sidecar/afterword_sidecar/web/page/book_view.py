"""The book at a glance: does it balance, what happened lately, what is in flight. Pure."""

from collections.abc import Sequence
from typing import Final

import htpy as h
import msgspec

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.audit_shapes import Audit
from afterword_sidecar.web.page import charts, layout, words
from afterword_sidecar.web.page.in_flight_view import in_flight_table
from afterword_sidecar.web.page.losses_view import kind_label, kind_link

RANGES: Final = {"10m": "10 minutes", "1h": "hour", "6h": "6 hours", "24h": "day"}
OLDEST_SHOWN: Final = 12
KINDS_SHOWN: Final = 6
_FAULTS_SHOWN: Final = 5
_OUTCOMES: Final = ("completed", *charts.LOSSES)


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
        _headline(book, given.audit),
        _over_time(book, given.reach),
        h.div(".columns")[
            _in_flight(given), h.div[_lately(given.losses, book.at), _health(book, given.audit)]
        ],
    )


def _headline(book: shapes.Book, audit: Audit | None) -> h.Element:
    balance = book.balance
    if not balance.scheduled:
        return layout.section(
            "balance",
            "The book is empty",
            layout.empty(
                "No deferred task has been heard of yet.",
                [
                    "Point an application here: set ",
                    h.code["AFTERWORD_SPOOL"],
                    " to the sidecar's directory, or ",
                    h.code["AFTERWORD_ENDPOINT"],
                    " to its receiver, and hand work over.",
                ],
            ),
            first=True,
        )
    title = "The book balances" if balance.balanced else "The book does not balance"
    lost = balance.scheduled - balance.completed - balance.in_flight
    return layout.section(
        "balance",
        title,
        h.p(".lead")[
            "Of ",
            h.strong[words.plural(balance.scheduled, "task")],
            " handed over since ",
            words.moment(book.began_at, book.at) if book.began_at else "the beginning",
            " UTC, ",
            h.strong[words.count(balance.completed)],
            " completed, ",
            h.strong[words.count(lost)],
            " did not, and ",
            h.strong[words.count(balance.in_flight) if balance.in_flight else "none"],
            " are in flight. " if balance.in_flight > 1 else " is in flight. ",
            _trust(audit) if audit else None,
        ],
        _equation(balance),
        charts.proportions(
            {name: getattr(balance, name) for name in (*_OUTCOMES, "in_flight")},
            "Shares of all tasks",
        ),
        None
        if balance.balanced
        else h.p(".alarm")[
            "For at least one series the outcomes and what is in flight do not add up to what was "
            "handed over. That is a bug of the sidecar's: please report it."
        ],
        first=True,
    )


def _trust(audit: Audit) -> h.Node:
    if audit.trusted:
        return "Nothing is missing from the evidence."
    return h.strong[h.a(".late", href="#evidence")["Evidence is missing."]]


def _equation(balance: shapes.Balance) -> h.Element:
    def term(name: str, href: str) -> h.Element:
        number = getattr(balance, name)
        told = words.OUTCOMES_IN_WORDS.get(name, "handed over")
        return h.li(class_=f"term {name}" + ("" if number else " none"))[
            h.a(href=href)[h.b[words.count(number)], h.span[told]]
        ]

    terms = [term("scheduled", "/tasks"), term("completed", "/tasks")]
    terms += [term(name, words.link("/losses", outcome=name)) for name in charts.LOSSES]
    return h.ul(".equation", aria_label="Handed over is the sum of all outcomes and in flight")[
        terms, term("in_flight", "/in-flight")
    ]


def _over_time(book: shapes.Book, reach: str) -> h.Element:
    choice = h.nav(".choice", aria_label="How far back")[
        [
            h.a(
                href=words.link("/", range=name),
                aria_current="true" if name == reach else None,
            )[f"last {told}"]
            for name, told in RANGES.items()
        ]
    ]
    if not any(slot.scheduled or slot.completed or charts.lost_in(slot) for slot in book.slots):
        since = words.moment(book.whole_since, book.at)
        return layout.section(
            "over-time",
            "Outcomes over time",
            layout.empty(
                f"Nothing was handed over or ended within the last {RANGES[reach]}.",
                ["This sidecar counts by the minute since it started, at ", since, " UTC."],
            ),
            aside=choice,
        )
    return layout.section(
        "over-time",
        "Outcomes over time",
        charts.outcomes_over_time(book),
        _legend(book),
        _as_table(book),
        aside=choice,
    )


_EVERY: Final = {10: "10 seconds", 60: "the minute", 300: "5 minutes", 1_200: "20 minutes"}


def _legend(book: shapes.Book) -> h.Element:
    every = _EVERY[book.slot_seconds]
    shown = [n for n in _OUTCOMES if n == "completed" or any(getattr(s, n) for s in book.slots)]
    early = book.slots[0].at < book.whole_since
    return h.p(".legend")[
        [words.outcome(name) for name in shown],
        h.span(".key-line")["handed over"],
        h.span(".note")[
            f"Verdicts by {every}. Above and below the line each have their own scale.",
            [
                " Shaded: before this sidecar started, at ",
                words.moment(book.whole_since, book.at),
                "; of that time only losses are known, from the dead letters.",
            ]
            if early
            else None,
        ],
    ]


def _as_table(book: shapes.Book) -> h.Element:
    told = [slot for slot in book.slots if slot.scheduled or slot.completed or charts.lost_in(slot)]
    headings = [("", "from (UTC)"), ("number", "handed over")]
    headings += [("number", words.OUTCOMES_IN_WORDS[name]) for name in _OUTCOMES]
    rows = [
        h.tr[
            h.td[words.moment(slot.at, book.at)],
            [h.td(".number")[words.count(getattr(slot, n))] for n in ("scheduled", *_OUTCOMES)],
        ]
        for slot in reversed(told)
    ]
    return h.details("#over-time-table")[
        h.summary["The same as a table"], layout.table("Outcomes over time", headings, rows)
    ]


def _in_flight(given: BookPage) -> h.Element:
    in_flight = given.book.balance.in_flight
    if in_flight and not given.oldest:
        content = layout.empty(
            "Not known at the moment.",
            "The store fails, and what is in flight is shown only as it is stored.",
        )
    elif not given.oldest:
        content = layout.empty(
            "Nothing is in flight.",
            "Every task that was handed over has its verdict.",
        )
    else:
        content = in_flight_table(given.oldest, given.book.at)
    return layout.section(
        "in-flight",
        "In flight, oldest first",
        content,
        in_flight > OLDEST_SHOWN
        and h.p(".more")[h.a(href="/in-flight")[f"All {words.count(in_flight)} in flight"]],
    )


def _lately(losses: shapes.Losses | None, now: str) -> h.Element:
    title = "Lost lately"
    if losses is None:
        failing = "The store cannot be asked right now; totals above are of its last commit."
        return layout.section("lately", title, layout.empty("Not known at the moment.", failing))
    recent = [kind for kind in losses.kinds if kind.counts.last_24h]
    if not recent:
        oldest = losses.kept_since
        why: h.Node = (
            ["The last loss that is kept is older; see ", h.a(href="/losses")["all losses"], "."]
            if oldest
            else "No dead letter of the last seven days is kept."
        )
        return layout.section(
            "lately", title, layout.empty("Nothing was lost in the last 24 hours.", why)
        )
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
            h.span(".note")[f"of {words.clock(now)[:5]} UTC, the last 24 hours"],
        ],
    )


def _audit(audit: Audit) -> h.Element:
    """What the audit found, by service, and of which processes."""
    if audit.trusted:
        return h.p(".audit")[h.b["The audit finds nothing missing"], ": it can be trusted."]
    at_fault = [each for each in audit.services if not each.trusted]
    return h.ul(".audit")[
        [
            h.li[
                h.b(".late")[each.service],
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
        _audit(audit) if audit else None,
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
