"""What is measured, where, and what it should come to."""

import operator
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Goal:
    """One figure and its bound. ``key`` is its name in ``build/bench.json``."""

    key: str
    what: str
    sign: str
    bound: float
    unit: str = ""
    over: str = ""
    """The key of a figure measured beside it; the bound is so many times that."""

    def bound_beside(self, figures: Mapping[str, float]) -> float:
        """The bound, given what else was measured."""
        return self.bound * figures[self.over] if self.over in figures else self.bound

    def met_by(self, figures: Mapping[str, float]) -> bool:
        """Whether its figure is on the right side of the bound."""
        compare: Callable[[float, float], bool] = {"≤": operator.le, "≥": operator.ge}[self.sign]
        return compare(figures[self.key], self.bound_beside(figures))


@dataclass(frozen=True)
class Benchmark:
    """A module of this package; its ``measure()`` returns its figures, goals and raw ones."""

    name: str
    goals: tuple[Goal, ...]
    interpreter: str = sys.executable
    """Vercel's production runtime needs a newer Python than we do: ``make vercel`` sets it up."""


BENCHMARKS: Final = (
    Benchmark(
        "overhead",
        (
            Goal("overhead_unsampled_ratio", "added per task, unsampled, HTTP", "≤", 0.25),
            Goal("overhead_spool_ratio", "added per task, unsampled, spool", "≤", 0.35),
            Goal("overhead_sampled_ratio", "added per task, sampled, with our span", "≤", 0.9),
        ),
    ),
    Benchmark("imports", (Goal("import_ratio", "import, over bare Python", "≤", 0.15),)),
    Benchmark("ingest", (Goal("ingest_ratio", "tasks taken durably, against rotel", "≥", 0.25),)),
    Benchmark("memory", (Goal("open_task_bytes", "memory per open task", "≤", 600.0, "B"),)),
    Benchmark(
        "sweep",
        (Goal("sweep_growth_ratio", "a sweep of 1,000 due, million over 10,000", "≤", 2.0),),
    ),
    Benchmark(
        "kill_to_verdict",
        (Goal("kill_to_verdict_ms", "SIGKILL to verdict, slowest of 100", "≤", 250.0, "ms"),),
    ),
    Benchmark(
        "response",
        tuple(
            Goal(
                f"response_p99_ratio_{state}",
                f"p99 of a response over bare, sidecar {state} (1.05 times bare over bare)",
                "≤",
                1.05,
                over="response_p99_ratio_bare",
            )
            for state in ("up", "gone", "hanging")
        ),
    ),
    Benchmark(
        "vercel",
        (
            Goal("vercel_response_added_ms", "Vercel: added until the response", "≤", 1.0, "ms"),
            Goal("vercel_drain_added_ms", "Vercel: added until the drain's end", "≤", 10.0, "ms"),
            Goal("vercel_requests_per_invocation", "Vercel: requests an invocation", "≤", 2.0),
        ),
        interpreter=".venv-vercel/bin/python",
    ),
)
