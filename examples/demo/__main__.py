"""``make demo``: a shop whose deferred work fails in every way, and the book that has seen it all.

    python -m examples.demo [--keep] [--orders 300] [--seed N] [--folder build/demo]
        [--picture docs/images/demo.svg]

Exit code 0 if the book says of every single task what truly became of it, 1 if it differs, 2 if
the demo could not be run to its end.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Never

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from examples.demo import truth
from examples.demo.book import Book
from examples.demo.comparison import compare
from examples.demo.customers import Customers
from examples.demo.report import show_comparison, show_where_to_look
from examples.demo.servers import StartError
from examples.demo.stage import Stage, command, set_up
from examples.demo.story import Killing, Story, StoryError, pronounced_within_seconds
from examples.shop.orders import Order

_WORKERS = 3
PICTURE_COLUMNS = 88
_SECONDS_BETWEEN_CUSTOMERS = 0.4
_NUMBER_OF_AN_ORDINARY_DAY = 1001


def main() -> int:
    """Run it, and always clean up."""
    options = _options()
    drawing = options.picture is not None
    console = Console(
        highlight=False,
        record=drawing,
        force_terminal=drawing or None,
        width=PICTURE_COLUMNS if drawing else None,
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    agreed = False
    try:
        with set_up(options.folder, workers=_WORKERS) as stage:
            console.print(f"sidecar and shop ({_WORKERS} workers) are up")
            agreed, lost = _play(console, stage, options.orders, options.seed)
            show_where_to_look(console, stage, lost, kept=options.keep)
            if drawing:
                console.save_svg(str(options.picture), title="make demo")
            if options.keep:
                _go_on(console, stage, options.seed + 1)
    except (StartError, StoryError, truth.OpenEndedError, httpx.HTTPError) as error:
        console.print(f"[bold red]the demo failed:[/] {error!s}", markup=True)
        return 2
    except KeyboardInterrupt:
        if not options.keep:
            return 130
    return 0 if agreed else 1


def _play(console: Console, stage: Stage, orders: int, seed: int) -> tuple[bool, str]:
    """Whether book and truth agree, and the id of a killed task."""
    book = Book(stage.operators_url)
    story = Story(stage, book, seed=seed)
    first, last = orders * 2 // 3, orders - orders * 2 // 3
    before = story.customers.orders(first, kept_waiting=max(3, orders // 20))
    _order(console, story, before, "orders")
    held = story.customers.held_at_customs(max(2, orders // 100))
    _order(console, story, held, "orders abroad, while the customs office is closed")
    story.wait_for_deadlines(held)
    killing = story.kill()
    workers = ", ".join(map(str, killing.workers))
    console.print(f"[magenta]kill -9[/] of {workers}, with {len(killing.tasks)} tasks pending")
    story.wait_for_workers(_WORKERS + len(killing.workers))
    _order(
        console,
        story,
        story.customers.orders(last),
        "orders more, to the workers that replaced them",
    )
    story.wait_for_the_end()
    comparison = compare(truth.fates(story.log()), book.read())
    console.print()
    show_comparison(console, comparison)
    lost = _show_one_lost_task(console, stage, book, killing)
    return not comparison.differences, lost


def _order(console: Console, story: Story, orders: Sequence[Order], title: str) -> None:
    # What a moving bar leaves behind in a pipe or a picture is noise.
    moves = console.is_terminal and not console.record
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    began = time.monotonic()
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not moves,
    ) as progress:
        bar = progress.add_task(title, total=len(orders))
        story.order(orders, lambda: progress.advance(bar))
    console.print(f"{len(orders)} {title}: answered in {time.monotonic() - began:.1f} s")


def _show_one_lost_task(console: Console, stage: Stage, book: Book, killing: Killing) -> str:
    cut_off = list(book.letters(reason="platform_deadline"))
    letters = [*cut_off, *book.letters(reason="instance_lost")]
    if not cut_off:
        return ""
    milliseconds = pronounced_within_seconds(letters, killing) * 1000
    console.print(f"\nfrom the kill to the last of {len(letters)} verdicts: {milliseconds:.0f} ms")
    shown = ("dead-letters", "show", letters[0]["id"])
    console.print(f"[dim]$ afterword {' '.join(shown)}[/]")
    colour = {"FORCE_COLOR": "1"} if console.is_terminal else {}
    said = subprocess.run(
        (command("afterword"), *shown, "--url", stage.operators_url),
        env=os.environ | colour | {"COLUMNS": str(console.width)},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    console.print(Text.from_ansi(said.decode()))
    return str(letters[0]["id"])


def _go_on(console: Console, stage: Stage, seed: int) -> Never:
    """An ordinary day, so that there is something to look at."""
    console.print("customers go on ordering, and everything keeps running until Ctrl-C")
    customers = Customers(stage.shop_url, seed, first=_NUMBER_OF_AN_ORDINARY_DAY)
    while True:
        asyncio.run(customers.send(customers.trickle(), lambda: None))
        time.sleep(_SECONDS_BETWEEN_CUSTOMERS)


def _stop(_number: int, _frame: FrameType | None) -> Never:
    sys.exit(2)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it running until Ctrl-C")
    parser.add_argument("--orders", type=int, default=300, help="ordinary orders")
    parser.add_argument("--seed", type=int, default=3, help="decides who orders what")
    parser.add_argument("--folder", type=Path, default=Path("build/demo"))
    parser.add_argument("--picture", type=Path, help="draw what is shown into this SVG file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
