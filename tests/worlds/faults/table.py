"""The table that ``make faults`` prints: one line for each row and way of delivery."""

from collections.abc import Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from worlds.faults.judge import Judgement
from worlds.faults.run import Result

_COLUMNS: Final = (
    "tasks",
    "right",
    "wrong",
    "invisible",
    "false\nalarms",
    "amended",
    "only while\nfrozen",
    "died in\nthe buffer",
    "slowest\nverdict",
    "audit",
)
PIPED_WIDTH: Final = 140
"""Columns where nobody's terminal says how wide it is: the whole table, and no cell cut off."""


def table_of(results: Sequence[Result]) -> Table:
    """All results, in their order."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False)
    table.add_column("fault", overflow="fold")
    table.add_column("delivery", no_wrap=True)
    for column in _COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    earlier = ""
    for result in results:
        name = result.run.fault.name
        table.add_row("" if name == earlier else name, result.run.delivery, *_cells(result))
        earlier = name
    return table


def _cells(result: Result) -> list[Text | str]:
    if result.not_run:
        return [Text("NOT RUN", style="bold red")]
    judged = result.judgement
    died = str(judged.died_in_buffer or "")
    if judged.absent:
        # A durable task whose opening may be gone had not begun: else the judge calls it invisible.
        how = "not begun" if result.run.delivery == "durable" else "absent"
        died += f" ({judged.absent} {how})"
    slowest = judged.slowest_seconds
    return [
        f"{judged.tasks:,}",
        Text(f"{judged.right:,}", style="green" if result.agrees else "red"),
        *map(_bad, (judged.wrong, judged.invisible, judged.false_alarms)),
        f"{judged.amended or ''}",
        f"{judged.only_while_frozen or ''}",
        died,
        "" if slowest is None else f"{slowest:.2f} s",
        _audit(judged),
    ]


def _audit(judged: Judgement) -> str:
    if judged.audited is None:
        return ""
    if judged.audited.missing:
        return f"{judged.audited.missing:,} missing"
    return "whole" if judged.audited.trusted else "not trusted"


def _bad(count: int) -> Text:
    return Text(str(count), style="bold red" if count else "")


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
        f"alarms; {died} died in a buffer, or were lost on the way, over HTTP"
    )
