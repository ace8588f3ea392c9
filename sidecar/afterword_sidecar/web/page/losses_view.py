"""What did not complete: kinds with their counts, filters that combine, and the letters. Pure."""

from typing import Final

import htpy as h
import msgspec

from afterword import names
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import charts, layout, words

WITHIN: Final = {
    "1h": "the last hour",
    "3h": "the last 3 hours",
    "24h": "the last 24 hours",
    "3d": "the last 3 days",
    "7d": "the last 7 days",
}
_FIELDS: Final = ("service", "task", "error", "reason", "outcome", "state", "within")
_CONDITIONS: Final = (*_FIELDS, "since", "until")
_OUTCOMES: Final = tuple(name for name in names.OUTCOMES if name != names.COMPLETED)
_KINDS_SHOWN: Final = 12


class Kept(msgspec.Struct, frozen=True):
    """How long dead letters are kept, for empty lists that say why they are."""

    age_seconds: float
    count: int


class LossesPage(msgspec.Struct, frozen=True, kw_only=True):
    """All that the view shows."""

    losses: shapes.Losses
    page: shapes.DeadLetterPage
    filters: dict[str, str]
    """The parameters as they were given."""
    kept: Kept
    at: str


def losses_page(given: LossesPage) -> str:
    """The view as HTML."""
    filters: dict[str, str] = {
        name: text for name, text in given.filters.items() if name in _CONDITIONS
    }
    return layout.document(
        "Losses",
        "/losses",
        given.at,
        h.div(".title")[h.h1["Losses"], _lead(given.losses)],
        _form(filters),
        _kinds(given.losses, filters),
        _letters(given, filters),
    )


def kind_label(kind: shapes.LossKind) -> h.Node:
    """What it failed with, or why it was lost, and which task."""
    return [
        h.span(class_=f"dot {kind.outcome}", aria_hidden="true"),
        h.span(".name")[words.class_name(kind.error or kind.reason)],
        h.span(".sub")[f"{kind.task} · {words.OUTCOMES_IN_WORDS.get(kind.outcome, kind.outcome)}"],
    ]


def kind_link(kind: shapes.LossKind, *, within: str = "", **others: str) -> str:
    """To the losses of this kind."""
    chosen = others | {
        "service": kind.service,
        "task": kind.task,
        "error": kind.error or "",
        "reason": kind.reason,
        "outcome": kind.outcome,
        "within": within,
    }
    return words.link("/losses", **chosen)


def _lead(losses: shapes.Losses) -> h.Element:
    counts = losses.in_all
    return h.p("#losses-lead.lead", data_live=True)[
        "Tasks that did not complete: ",
        h.strong[words.count(counts.last_24h)],
        " in the last 24 hours, ",
        h.strong[words.count(counts.last_7d)],
        " in the last seven days",
        "." if losses.complete else ", of those that were counted: there are more.",
    ]


def _form(filters: dict[str, str]) -> h.Element:
    """Filters by typing and choosing; without any script, and every one is in the URL."""
    hidden = [
        h.input(type="hidden", name=name, value=filters[name])
        for name in ("since", "until")
        if name in filters
    ]
    return h.form("#filters.filters", method="get", action="/losses", aria_label="Filter")[
        [_text(name, filters) for name in ("service", "task", "error")],
        _choice("outcome", filters, {n: words.OUTCOMES_IN_WORDS[n] for n in _OUTCOMES}),
        _choice("reason", filters, _reasons()),
        _choice("state", filters, {"open": "open", "closed": "closed: completed after all"}),
        _choice("within", filters, WITHIN),
        hidden,
        h.button(type="submit")["Filter"],
        _chips(filters),
    ]


def _reasons() -> dict[str, str]:
    known = {reason for outcome in _OUTCOMES for reason in names.REASONS[outcome]}
    return {name: name for name in sorted(known | {names.OTHER_REASON})}


def _text(name: str, filters: dict[str, str]) -> h.Element:
    return h.label[
        h.span[name],
        h.input(
            type="search",
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
                aria_label=f"Without {name} {text}",
            )[h.span[name], f" {text}", h.span(aria_hidden="true")[" \N{MULTIPLICATION SIGN}"]]
        ]
        for name, text in filters.items()
    ]
    return h.ul(".chips", aria_label="Active filters")[
        chips, len(chips) > 1 and h.li[h.a(".all", href="/losses")["Clear all"]]
    ]


def _kinds(losses: shapes.Losses, filters: dict[str, str]) -> h.Node:
    if not losses.kinds:
        return None
    headings = [("", "what happened"), ("", "error or reason"), ("", "task")]
    headings += [("number", name) for name in WITHIN]
    shown = losses.kinds[:_KINDS_SHOWN]
    rest = losses.kinds_in_all - len(shown)
    return layout.section(
        "kinds",
        "By kind",
        charts.losses_over_time(losses.hours),
        _by_outcome(losses, filters),
        layout.table("Losses by kind", headings, [_kind(kind, filters) for kind in shown]),
        rest > 0
        and h.p(".note")[
            f"and {words.plural(rest, 'kind')} more; filter by task or outcome to see them"
        ],
    )


def _by_outcome(losses: shapes.Losses, filters: dict[str, str]) -> h.Element:
    rest = {name: text for name, text in filters.items() if name != "outcome"}
    return h.ul(".by-outcome", aria_label="By outcome, the last seven days")[
        [
            h.li[
                h.a(href=words.link("/losses", **rest, outcome=name))[
                    words.outcome(name), h.b[words.count(number)]
                ]
            ]
            for name in _OUTCOMES
            if (number := losses.by_outcome.get(name, 0))
        ]
    ]


def _kind(kind: shapes.LossKind, filters: dict[str, str]) -> h.Element:
    others = {name: filters[name] for name in ("state",) if name in filters}
    counts = (
        kind.counts.last_1h,
        kind.counts.last_3h,
        kind.counts.last_24h,
        kind.counts.last_3d,
        kind.counts.last_7d,
    )
    return h.tr[
        h.td[words.outcome(kind.outcome)],
        h.td[
            h.a(".name", href=kind_link(kind, **others))[
                words.class_name(kind.error or kind.reason)
            ],
            h.span(".sub")[words.REASONS_IN_WORDS.get(kind.reason, kind.reason)],
        ],
        h.td[h.span(".name")[kind.task], h.span(".sub")[kind.service]],
        [
            h.td(".number")[
                h.a(
                    href=kind_link(kind, within=window, **others),
                    aria_label=f"{number} within {WITHIN[window]}",
                )[words.count(number)]
                if number
                else h.span(".zero")["0"]
            ]
            for window, number in zip(WITHIN, counts, strict=True)
        ],
    ]


def _letters(given: LossesPage, filters: dict[str, str]) -> h.Element:
    page = given.page
    if not page.items:
        return layout.section("letters", "Dead letters", _empty(given, filters))
    headings = [
        ("", "when (UTC)"),
        ("", "task"),
        ("", "what happened, and why"),
        ("number", "after"),
        ("", "payload"),
    ]
    following = words.link("/losses", **filters, cursor=page.next_cursor)
    return layout.section(
        "letters",
        "Dead letters, newest first",
        layout.table("Dead letters", headings, [_letter(one, given.at) for one in page.items]),
        page.next_cursor and h.p(".more")[h.a(href=following)["Next page"]],
    )


def _letter(letter: shapes.DeadLetter, now: str) -> h.Element:
    pronounced = letter.verdict.at if letter.verdict else letter.received_at
    lived = letter.duration_seconds
    if lived is None:
        lived = words.seconds_between(letter.scheduled_at, letter.settled_at or pronounced)
    return h.tr[
        h.td[words.moment(pronounced, now), h.span(".sub")[words.ago(pronounced, now)]],
        h.td[
            h.a(".name", href=f"/tasks/{letter.id}")[letter.task],
            h.span(".sub")[letter.service, letter.route and f" · {letter.route}"],
        ],
        h.td(".why")[_why(letter)],
        h.td(".number")[words.duration(lived)],
        h.td[_payload(letter)],
    ]


def _why(letter: shapes.DeadLetter) -> h.Node:
    verdict, error = letter.verdict, letter.error
    told: list[h.Node] = [
        words.outcome(letter.outcome),
        h.span(".reason")[words.reason(letter.reason or "")],
        h.span(".basis")[verdict.basis if verdict.final else f"{verdict.basis}, not final"]
        if verdict
        else None,
        letter.state == "closed" and h.span(".closed")["closed: it completed after all"],
    ]
    if error and (error.type or error.message):
        class_ = words.class_name(error.type) if error.type else None
        words_of_error = ": ".join(part for part in (class_, error.message) if part)
        told.append(h.span(".error", title=error.type)[words_of_error])
    if letter.awaiting:
        told.append(h.span(".waiting")["waiting in ", h.code[letter.awaiting]])
    return told


def _payload(letter: shapes.DeadLetter) -> h.Node:
    if letter.payload_captured:
        return "kept"
    return h.span(".note")[letter.payload_omitted or "not captured"]


def _empty(given: LossesPage, filters: dict[str, str]) -> h.Element:
    kept = given.kept
    retention = (
        f"Dead letters are kept for {words.duration(kept.age_seconds)} and at most "
        f"{words.count(kept.count)} of them."
    )
    if filters:
        return layout.empty(
            "No dead letter meets this filter.",
            [retention, " ", h.a(href="/losses")["Show all losses"]],
        )
    return layout.empty(
        "Nothing that is kept was lost.",
        [
            (
                "A task that does not complete appears here with its reason, and its payload if "
                "that is captured. "
            ),
            retention,
        ],
    )
