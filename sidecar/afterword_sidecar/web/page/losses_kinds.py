"""Kinds of loss: an error or a reason of a task, with how often lately. Pure."""

from typing import Final

import htpy as h

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import charts, client_text, layout, words
from afterword_sidecar.web.page.losses_filters import OUTCOMES, WITHIN

_KINDS_SHOWN: Final = 12


def kind_label(kind: shapes.LossKind) -> h.Node:
    """What it failed with, or why it was lost, and which task."""
    return [
        h.span(class_=f"dot {kind.outcome}", aria_hidden="true"),
        h.span(".name")[client_text.name(words.class_name(kind.error or kind.reason))],
        h.span(".sub")[
            client_text.name(kind.task),
            f" · {words.OUTCOMES_IN_WORDS.get(kind.outcome, kind.outcome)}",
        ],
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


def kinds_section(losses: shapes.Losses, filters: dict[str, str]) -> h.Node:
    """The most frequent kinds, their counts leading to what they count; then all others.

    What the application cancelled itself is no loss, and stands beside.
    """
    if not losses.kinds:
        return None
    lost = [kind for kind in losses.kinds if words.is_lost(kind.outcome, kind.reason)]
    itself = [kind for kind in losses.kinds if kind not in lost]
    rest = losses.kinds_in_all - len(losses.kinds)
    return layout.section(
        "kinds",
        "By kind",
        charts.losses_over_time(losses.hours),
        _by_outcome(losses, filters),
        bool(lost) and _table("Losses by kind", lost[:_KINDS_SHOWN], filters),
        _folded("more-kinds", "more", lost[_KINDS_SHOWN:], filters),
        _folded("no-losses", "of what the application cancelled itself", itself, filters),
        rest > 0
        and h.p(".note")[
            f"The {words.count(len(losses.kinds))} most frequent lately are listed; of "
            f"{words.plural(rest, 'kind')} more the API does not tell either."
        ],
    )


def _folded(name: str, told: str, kinds: list[shapes.LossKind], filters: dict[str, str]) -> h.Node:
    if not kinds:
        return None
    label = f"{words.plural(len(kinds), 'kind')} {told}"
    return h.details(f"#{name}")[h.summary[label], _table(label, kinds, filters)]


def _table(label: str, kinds: list[shapes.LossKind], filters: dict[str, str]) -> h.Element:
    headings = [("", "what happened"), ("", "error or reason"), ("", "task")]
    headings += [("number", name) for name in WITHIN]
    return layout.table(label, headings, [_kind(kind, filters) for kind in kinds], "kinds")


def _by_outcome(losses: shapes.Losses, filters: dict[str, str]) -> h.Element:
    rest = {name: text for name, text in filters.items() if name != "outcome"}
    return h.ul(".by-outcome", aria_label="By outcome, the last seven days")[
        [
            h.li[
                h.a(href=words.link("/losses", **rest, outcome=name))[
                    words.outcome(name), h.b[words.count(number)]
                ]
            ]
            for name in OUTCOMES
            if (number := losses.by_outcome.get(name, 0))
        ]
    ]


def _kind(kind: shapes.LossKind, filters: dict[str, str]) -> list[h.Node]:
    others = {name: filters[name] for name in ("state",) if name in filters}
    counts = (
        kind.counts.last_1h,
        kind.counts.last_3h,
        kind.counts.last_24h,
        kind.counts.last_3d,
        kind.counts.last_7d,
    )
    return [
        words.outcome(kind.outcome),
        [
            h.a(".name", href=kind_link(kind, **others))[
                client_text.name(words.class_name(kind.error or kind.reason))
            ],
            h.span(".sub")[words.REASONS_IN_WORDS.get(kind.reason, kind.reason)],
        ],
        [
            h.span(".name")[client_text.name(kind.task)],
            h.span(".sub")[client_text.told(kind.service)],
        ],
        *(
            h.a(
                href=kind_link(kind, within=window, **others),
                aria_label=f"{number} within {WITHIN[window]}",
            )[words.count(number)]
            if number
            else h.span(".zero")["0"]
            for window, number in zip(WITHIN, counts, strict=True)
        ),
    ]
