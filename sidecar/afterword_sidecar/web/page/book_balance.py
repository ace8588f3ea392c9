"""Whether the book balances: what was handed over, and the sum of what became of it. Pure."""

import htpy as h

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.api_summaries import lost_of
from afterword_sidecar.web.audit_shapes import Audit
from afterword_sidecar.web.page import charts, layout, words


def headline(book: shapes.Book, audit: Audit | None) -> h.Element:
    """The section with the balance, in words, as an equation and to scale."""
    balance = book.balance
    if not balance.scheduled:
        return _empty_book()
    title = "The book balances" if balance.balanced else "The book does not balance"
    itself = balance.cancelled_by_application
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
            h.strong[words.count(lost_of(balance))],
            " were lost, " if lost_of(balance) != 1 else " was lost, ",
            itself > 0
            and [h.strong[words.count(itself)], " cancelled by the application itself, "],
            "and ",
            h.strong[words.count(balance.in_flight) if balance.in_flight else "none"],
            " are in flight. " if balance.in_flight > 1 else " is in flight. ",
            _trust(audit) if audit else None,
        ],
        _equation(balance),
        charts.proportions(
            {name: getattr(balance, name) for name in charts.ALL},
            "Shares of all tasks",
        ),
        None if balance.balanced else _alarm(),
        first=True,
    )


def _empty_book() -> h.Element:
    return layout.section(
        "balance",
        "The book is empty",
        layout.empty(
            words.NOTHING_TOLD,
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


def _alarm() -> h.Element:
    return h.p(".alarm")[
        "For at least one series the outcomes and what is in flight do not add up to what was "
        "handed over. That is a bug of the sidecar's: please report it."
    ]


def silent_in(audit: Audit) -> int:
    """How many processes fell silent without a goodbye."""
    return sum(each.streams_silent for each in audit.services)


def _trust(audit: Audit) -> h.Node:
    if audit.trusted and silent_in(audit):
        return "Nothing is missing from what was told."
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
    terms += [term(name, words.link("/losses", outcome=name)) for name in charts.NOT_COMPLETED]
    return h.ul(".equation", aria_label="Handed over is the sum of all outcomes and in flight")[
        terms, term("in_flight", "/in-flight")
    ]
