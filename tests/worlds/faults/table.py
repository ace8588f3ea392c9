"""The table that ``make faults`` prints: one line for each row and way of delivery."""

from collections.abc import Callable, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from worlds.faults.judge import Judgement
from worlds.faults.run import Result

PIPED_WIDTH: Final = 150
"""Columns where nobody's terminal says how wide it is: the whole table, and no cell cut off."""
WIDE: Final = 140
"""Narrower than this, what is 0 in a good run is one column, and words become numbers."""

Cell = Callable[[Result], Text | str]


def table_of(results: Sequence[Result], width: int = PIPED_WIDTH) -> Table:
    """All results, in their order, for a terminal of so many columns."""
    columns = _WIDE_COLUMNS if width >= WIDE else _NARROW_COLUMNS
    padding = (0, 1) if width >= WIDE else (0, 0, 0, 1)
    table = Table(
        box=SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False, padding=padding
    )
    table.add_column("fault", overflow="fold")
    table.add_column("by" if width < WIDE else "delivery", no_wrap=True)
    for header in columns:
        table.add_column(header, justify="right", no_wrap=True)
    earlier = ""
    for result in results:
        name = result.run.fault.name
        cells = [cell(result) for cell in columns.values()]
        if result.not_run:
            cells = [Text("NOT RUN", style="bold red")]
        table.add_row("" if name == earlier else name, result.run.delivery, *cells)
        earlier = name
    return table


def _right(result: Result) -> Text:
    return Text(f"{result.judgement.right:,}", style="green" if result.agrees else "red")


def _amiss(result: Result) -> Text:
    judged = result.judgement
    return _bad(judged.wrong + judged.invisible + judged.false_alarms)


def _bad(count: int) -> Text:
    return Text(str(count), style="bold red" if count else "")


def _died(result: Result) -> str:
    judged = result.judgement
    died = str(judged.died_in_buffer or "")
    if judged.absent:
        # A durable task whose opening may be gone had not begun: else the judge calls it invisible.
        how = "not begun" if result.run.delivery == "durable" else "absent"
        died += f" ({judged.absent} {how})"
    return died


def _seconds(judged: Judgement, unit: str) -> str:
    slowest = judged.slowest_seconds
    return "" if slowest is None else f"{slowest:.2f}{unit}"


def _audit(result: Result) -> str:
    audited = result.judgement.audited
    if audited is None:
        return ""
    if audited.missing:
        return f"{audited.missing:,} missing"
    return "whole" if audited.trusted else "not trusted"


def _missing(result: Result) -> str:
    audited = result.judgement.audited
    if audited is None or (audited.trusted and not audited.missing):
        return ""
    return f"{audited.missing:,}"


_WIDE_COLUMNS: Final[dict[str, Cell]] = {
    "tasks": lambda result: f"{result.judgement.tasks:,}",
    "right": _right,
    "wrong": lambda result: _bad(result.judgement.wrong),
    "invisible": lambda result: _bad(result.judgement.invisible),
    "false\nalarms": lambda result: _bad(result.judgement.false_alarms),
    "amended": lambda result: f"{result.judgement.amended or ''}",
    "only while\nfrozen": lambda result: f"{result.judgement.only_while_frozen or ''}",
    "died in\nthe buffer": _died,
    "slowest\nverdict": lambda result: _seconds(result.judgement, " s"),
    "audit": _audit,
}
_NARROW_COLUMNS: Final[dict[str, Cell]] = {
    "tasks": lambda result: f"{result.judgement.tasks:,}",
    "right": _right,
    "not\nright": _amiss,
    "taken\nback": lambda result: f"{result.judgement.amended or ''}",
    "died": lambda result: f"{result.judgement.died_in_buffer or ''}",
    "slowest\ns": lambda result: _seconds(result.judgement, ""),
    "audit\nmisses": _missing,
}


def summary_of(results: Sequence[Result]) -> str:
    """One line: all tasks of all rows."""
    judged = [result.judgement for result in results]
    tasks, right = sum(each.tasks for each in judged), sum(each.right for each in judged)
    died = sum(each.died_in_buffer for each in judged)
    wrong = sum(each.wrong for each in judged)
    invisible = sum(each.invisible for each in judged)
    alarms = sum(each.false_alarms for each in judged)
    return (
        f"{tasks:,} tasks: {right:,} right, {wrong} wrong, {invisible} invisible, {alarms} false "
        f"alarms; {died} died in a buffer, or were lost on the way"
    )
