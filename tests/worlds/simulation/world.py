"""Simulated time: a heap of things that will happen."""

import random
from collections.abc import Callable
from heapq import heappop, heappush


class World:
    """One seeded source of chance and one clock for everybody."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 1_700_000_000.0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, moment: float, happen: Callable[[], None]) -> None:
        """Let something happen at ``moment`` (never before now)."""
        self._count += 1
        heappush(self._agenda, (max(moment, self.now), self._count, happen))

    def after(self, seconds: float, happen: Callable[[], None]) -> None:
        """Let something happen ``seconds`` from now."""
        self.at(self.now + seconds, happen)

    def step(self) -> bool:
        """Let the next thing happen. Returns False when nothing is left."""
        if not self._agenda:
            return False
        self.now, _, happen = heappop(self._agenda)
        happen()
        return True
