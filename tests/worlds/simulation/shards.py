"""A large run in pieces: fleets of their own, on all processors, each with a seed of its own."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from math import ceil

from worlds.simulation.run import Result, simulate

SHARD_TASKS = 250_000
"""Bounds the memory of each process: the world remembers every task and every verdict."""


class ShardError(AssertionError):
    """A shard found the book wrong: its seed, and how many tasks it had."""

    def __init__(self, seed: int, tasks: int, error: AssertionError) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.seed = seed
        self.tasks = tasks


def shards(seed: int, tasks: int) -> Iterator[tuple[int, int]]:
    """(seed, tasks) of each piece; a run of one piece has the seed it was given."""
    pieces = ceil(tasks / SHARD_TASKS)
    for number in range(pieces):
        yield seed + number, tasks // pieces


def simulate_all(seed: int, tasks: int, processes: int, progress: Callable[[int], None]) -> Result:
    """Run them all. Raises ``ShardError`` for the first that finds the book wrong."""
    whole = Result(0, 0, 0, 0, Counter())
    with ProcessPoolExecutor(processes) as pool:
        running = {pool.submit(simulate, *shard): shard for shard in shards(seed, tasks)}
        for done in as_completed(running):
            try:
                result = done.result()
            except AssertionError as error:
                pool.shutdown(wait=False, cancel_futures=True)
                raise ShardError(*running[done], error) from error
            whole.tasks += result.tasks
            whole.processes += result.processes
            whole.commits += result.commits
            whole.crashes += result.crashes
            whole.kinds.update(result.kinds)
            progress(whole.tasks)
    return whole
