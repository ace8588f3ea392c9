"""What did not complete: kinds with their counts, filters that combine, and the letters. Pure."""

import htpy as h
import msgspec

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import client_text, layout, task_clocks, task_reasons, words
from afterword_sidecar.web.page.losses_filters import conditions, filter_form
from afterword_sidecar.web.page.losses_kinds import kinds_section


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
    filters = conditions(given.filters)
    return layout.document(
        "Losses",
        "/losses",
        given.at,
        h.div(".title")[h.h1["Losses"], _lead(given.losses)],
        filter_form(filters),
        kinds_section(given.losses, filters),
        _letters(given, filters),
    )


def _lead(losses: shapes.Losses) -> h.Element:
    counts, itself = losses.in_all, losses.cancelled_by_application
    return h.p("#losses-lead.lead", data_live=True)[
        "Tasks that were lost: ",
        h.strong[words.count(counts.last_24h - itself.last_24h)],
        " in the last 24 hours, ",
        h.strong[words.count(counts.last_7d - itself.last_7d)],
        " in the last seven days",
        "." if losses.complete else ", of those that were counted: there are more.",
        itself.last_7d > 0
        and (
            f" Beside them {words.count(itself.last_7d)} that the application cancelled itself, "
            "which are no losses."
        ),
    ]


def _letters(given: LossesPage, filters: dict[str, str]) -> h.Element:
    page = given.page
    if not page.items:
        return layout.section("letters", "Dead letters", _empty(given, filters))
    headings = [
        ("", "when (UTC)"),
        ("", "task"),
        ("why", "what happened, and why"),
        ("number lived", "after"),
        ("", "payload"),
    ]
    following = words.link("/losses", **filters, cursor=page.next_cursor)
    return layout.section(
        "letters",
        "Dead letters, newest first",
        layout.table(
            "Dead letters", headings, [_letter(one, given.at) for one in page.items], "letters"
        ),
        page.next_cursor and h.p(".more")[h.a(href=following)["Next page"]],
    )


def _letter(letter: shapes.DeadLetter, now: str) -> list[h.Node]:
    pronounced = letter.verdict.at if letter.verdict else letter.received_at
    return [
        [words.moment(pronounced, now), h.span(".sub")[words.ago(pronounced, now)]],
        [
            h.a(".name", href=f"/tasks/{letter.id}")[client_text.name(letter.task)],
            h.span(".sub")[
                client_text.told(letter.service),
                letter.route and [" · ", client_text.told(letter.route)],
            ],
        ],
        _why(letter),
        _lived(letter),
        _payload(letter),
    ]


def _lived(letter: shapes.DeadLetter) -> h.Node:
    lived = letter.duration_seconds
    if lived is None:
        lived = task_clocks.life_seconds(letter)
    if lived is None:
        return h.span(title="When it ended is not known")[words.NOTHING]
    return words.duration(lived)


def _why(letter: shapes.DeadLetter) -> h.Node:
    verdict, error = letter.verdict, letter.error
    told: list[h.Node] = [
        words.outcome(letter.outcome),
        h.span(".reason")[": ".join(filter(None, (letter.reason, task_reasons.in_short(letter))))],
        h.span(".basis")[verdict.basis if verdict.final else f"{verdict.basis}, not final"]
        if verdict
        else None,
        letter.state == "closed" and h.span(".closed")["closed: it completed after all"],
    ]
    if error and (error.type or error.message):
        class_ = words.class_name(error.type) if error.type else None
        told.append(
            h.span(".error", title=client_text.plain(error.type or ""))[
                class_ and client_text.told(class_),
                ": " if class_ and error.message else None,
                error.message and client_text.told(error.message),
            ]
        )
    if letter.awaiting:
        told.append(
            h.span(".waiting")[
                words.waiting_in(letter.awaiting), h.code[client_text.told(letter.awaiting)]
            ]
        )
    return told


def _payload(letter: shapes.DeadLetter) -> h.Node:
    if letter.payload_captured:
        return "kept"
    omitted = letter.payload_omitted
    return h.span(".note")[client_text.told(omitted) if omitted else "not captured"]


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
        "No dead letter is kept.",
        [
            (
                "A task that does not complete appears here with its reason, and its payload if "
                "that is captured. "
            ),
            retention,
        ],
    )
