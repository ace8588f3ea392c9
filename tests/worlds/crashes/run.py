"""One run: clients report, the sidecar is killed at seeded moments, and the book is compared."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import aiohttp

from worlds.crashes.book import dead_letter_ids, totals
from worlds.crashes.clients import Client, Crossing
from worlds.ports import held_port
from worlds.sidecar_process import SidecarProcess

CLIENTS = 8
MOST_REQUESTS_BETWEEN_KILLS = 80
LONGEST_LATER_SECONDS = 0.01


class Result(NamedTuple):
    """What was sent, all of it acknowledged and found in the book exactly once."""

    kills: int
    tasks: int
    dead_letters: int
    requests: int
    sent_again: int
    """Requests that were not acknowledged at first: refused, or the sidecar died over them."""


class Victim:
    """A sidecar that is killed and started again on the same book and the same ports."""

    def __init__(self, folder: Path, receiver_port: int, operators_port: int) -> None:
        self._folder = folder
        self._ports = (
            *("--receiver-port", str(receiver_port)),
            *("--operators-port", str(operators_port)),
        )
        self.restart()

    def restart(self) -> None:
        """Start it again. Raises ``AssertionError`` with what it said if it does not start."""
        self.sidecar = SidecarProcess(self._folder, *self._ports)


async def crash(
    folder: Path, *, kills: int, seed: int, killed: Callable[[int], object] = lambda _: None
) -> Result:
    """Kill the sidecar ``kills`` times under load. Raises ``AssertionError`` if a task is off.

    ``killed`` is told how many times so far.
    """
    with held_port() as receiver_port, held_port() as operators_port:
        victim = Victim(folder, receiver_port, operators_port)
        return await _crash(victim, kills, seed, killed)


async def _crash(victim: Victim, kills: int, seed: int, killed: Callable[[int], object]) -> Result:
    clients = [Client(number, seed) for number in range(CLIENTS)]
    crossing = Crossing()
    try:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.report(session, victim.sidecar.receiver, crossing))
            crossing.up.set()
            chance = random.Random(seed)
            for number in range(1, kills + 1):
                await crossing.requests(chance.randint(1, MOST_REQUESTS_BETWEEN_KILLS))
                await _at_a_random_moment(chance)
                await _kill_and_restart(session, victim, clients, crossing)
                killed(number)
            crossing.enough = True
        async with aiohttp.ClientSession() as session:
            return await _compare(session, victim.sidecar, clients, kills)
    finally:
        victim.sidecar.kill()


async def _at_a_random_moment(chance: random.Random) -> None:
    """Anywhere in the receiving, booking and committing of what is under way."""
    loop = asyncio.get_running_loop()
    moment = loop.create_future()
    loop.call_later(chance.uniform(0.0, LONGEST_LATER_SECONDS), moment.set_result, None)
    await moment


async def _kill_and_restart(
    session: aiohttp.ClientSession,
    victim: Victim,
    clients: list[Client],
    crossing: Crossing,
) -> None:
    """All that was acknowledged before the kill is there after it, and nothing else."""
    crossing.up.clear()
    victim.sidecar.kill()
    acknowledged = sum(client.opened for client in clients)
    told = sum(client.told_opened for client in clients)
    await asyncio.to_thread(victim.restart)
    held = await totals(session, victim.sidecar.operators)
    assert acknowledged <= held.scheduled <= told, (
        f"{acknowledged} tasks were acknowledged and {told} sent; the book has {held.scheduled}"
    )
    crossing.up.set()


async def _compare(
    session: aiohttp.ClientSession, sidecar: SidecarProcess, clients: list[Client], kills: int
) -> Result:
    held = await totals(session, sidecar.operators)
    letters = await dead_letter_ids(session, sidecar.operators)
    failed = Counter[str]()
    for client in clients:
        failed.update(client.failed)
    opened = sum(client.opened for client in clients)
    settled = {"completed": sum(client.completed for client in clients), "failed": failed.total()}
    assert held.scheduled == opened
    assert held.in_flight == 0
    assert held.settled == settled
    assert letters == failed
    attempts = sum(client.attempts for client in clients)
    batches = sum(client.batches for client in clients)
    return Result(kills, opened, letters.total(), attempts, attempts - batches)
