"""Processes and their tasks: they finish, fail, hang, freeze, fork, stop, and are killed."""

from afterword_sidecar.ledger.facts import (
    Instance,
    Pending,
    Scheduled,
    Settled,
    Source,
    Started,
)
from worlds.simulation.delivery import Delivery, Http, Spool
from worlds.simulation.sidecar import Sidecar
from worlds.simulation.world import World

_ENDINGS = (
    (
        ("completed", "completed"),
        ("failed", "exception"),
        ("timed_out", "timeout"),
        ("cancelled", "cancelled"),
        ("dropped", "skipped"),
        None,
    ),
    (80, 8, 3, 3, 1, 5),
)
"""(outcome, reason), and how often; without one the task hangs until its process is gone."""
TASKS = ("send_receipt", "update_index", "emit_event")
LEAD_SECONDS = 0.5
DEADLINE_SECONDS = 20.0
SHOWN_SECONDS = 5.0
SHOWINGS = 4
"""A clock that was set sooner, or showed itself less often, cannot be told from a delay."""


class Task:
    """What the world knows of one task."""

    __slots__ = ("closing", "deadline", "ending", "near", "opening", "pending", "skew", "started")

    def __init__(self, opening: int, deadline: float | None, skew: float) -> None:
        self.opening = opening
        self.skew = skew
        """How much the clock that gave its deadline was ahead of the world's."""
        self.deadline = deadline
        """On the world's clock."""
        self.ending: tuple[str, str] | None = None
        self.started = 0
        self.closing = 0
        self.pending = 0
        """The record that told of it when the process stopped."""
        self.near = 0
        """The record that told of it when its deadline came near."""


class Process:
    """One stream. Its clock may be off; its end is one of many."""

    def __init__(self, world: World, sidecar: Sidecar, tasks: int, rate: float) -> None:
        chance = world.chance
        self.world, self.sidecar = world, sidecar
        self._sequence = 0
        self.source = Source(chance.randbytes(16), f"service-{chance.randrange(3)}")
        self.spooled = chance.random() < 0.5
        self.skew = 0.0 if self.spooled else chance.choice((0.0, 0.3, -0.3, 3600.0, -3600.0))
        self.delivery: Delivery = (
            Spool(world, sidecar, self.source, self._remade if chance.random() < 0.5 else None)
            if self.spooled
            else Http(
                world,
                sidecar,
                self.source,
                loss=chance.choice((0.0, 0.05, 0.3)),
                folds=chance.random() < 0.5,
                next_number=self._next,
                skew=lambda: self.skew,
            )
        )
        self.lease_seconds = 15.0 if not self.spooled and chance.random() < 0.3 else None
        self.tasks: list[Task] = []
        self.open: dict[int, Task] = {}
        self.alive = True
        self.died_at = 0.0
        self.stopped = False
        self.down_sequence = 0
        self.accounts: list[int] = []
        """The records with its totals."""
        self._thaws_at = 0.0
        self._settled = 0
        self._to_come, self._rate = tasks, rate
        self._instance("up")
        if self.lease_seconds:
            world.after(self.lease_seconds / 3, self._beat)
        world.after(chance.expovariate(rate), self._arrival)
        self._plan(tasks / rate)

    # What happens to it.

    def _plan(self, life_seconds: float) -> None:
        world, chance = self.world, self.world.chance
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            world.after(chance.uniform(0, life_seconds), self._freeze)
        end = life_seconds * chance.uniform(0.5, 1.3) + chance.expovariate(0.1)
        world.after(end, chance.choice((self._kill, self._stop, self._kill_at_a_deadline)))
        if chance.random() < 0.2:
            world.after(chance.uniform(0, end), self._fork)
        if chance.random() < 0.2:
            world.after(chance.uniform(0, end), self._set_clock)

    def _freeze(self) -> None:
        self._thaws_at = self.world.now + self.world.chance.uniform(1, 60)
        self.world.at(self._thaws_at, self.delivery.thaw)

    def _frozen(self, again: object) -> bool:
        """Whatever would happen in a frozen process happens when it thaws."""
        if self.world.now < self._thaws_at:
            self.world.at(self._thaws_at, again)  # type: ignore[arg-type] # bound methods and lambdas without arguments
            return True
        return not self.alive

    def _fork(self) -> None:
        """The child is a stream of its own and inherits no task; the parent's stay its own."""
        if self.alive:
            child = Process(self.world, self.sidecar, self._to_come // 2, self._rate)
            self._to_come -= self._to_come // 2
            FLEETS[self.sidecar].append(child)

    def _set_clock(self) -> None:
        """An hour ahead, or back: once it has shown for a while what it was before."""
        if self.alive and isinstance(self.delivery, Http):
            shown = self.delivery.prompt.get(self.skew, [])
            if len(shown) >= SHOWINGS and shown[-1] - shown[0] > SHOWN_SECONDS:
                self.skew += self.world.chance.choice((3600.0, -3600.0))

    def _kill(self) -> None:
        if self.alive:
            self.alive = False
            self.died_at = self.world.now
            self.delivery.end()

    def _kill_at_a_deadline(self) -> None:
        """What a platform does: the process goes at the deadline of a task that hangs."""
        deadlines = [task.deadline for task in self.open.values() if task.deadline is not None]
        self.world.at(min(deadlines, default=self.world.now), self._kill)

    def _stop(self) -> None:
        """A graceful stop: what is pending is told, and delivered if the network lets it."""
        if self._frozen(self._stop):
            return
        self._to_come = 0
        self.stopped = True
        for task in self.open.values():
            task.pending = self._next()
            self.delivery.send(Pending(task.pending, task.opening, self._clock(), "shutdown"))
        self.down_sequence = self._instance("down")
        self.world.after(self.world.chance.choice((0.0, 1.0, 30.0)), self._kill)

    # What it does.

    def _arrival(self) -> None:
        if self._to_come <= 0 or self._frozen(self._arrival):
            return
        self._to_come -= 1
        chance, now = self.world.chance, self.world.now
        deadline = now + DEADLINE_SECONDS if chance.random() < 0.4 else None
        task = Task(self._next(), deadline, self.skew)
        self.tasks.append(task)
        self.open[task.opening] = task
        deadline = None if deadline is None else deadline + self.skew
        opening = Scheduled(
            task.opening,
            self._clock(),
            chance.choice(TASKS),
            "asyncio",
            deadline=deadline,
            guard_lead_seconds=LEAD_SECONDS,
            payload="{}" if chance.random() < 0.1 else None,
        )
        self.delivery.send(opening)
        if task.deadline is not None:
            self.world.at(task.deadline - LEAD_SECONDS, lambda: self._warn(task))
        if chance.random() < 0.95:
            self.world.after(chance.uniform(0, 0.05), lambda: self._start(task))
        ending = chance.choices(*_ENDINGS)[0]
        if ending is not None:
            lasts = chance.expovariate(1 / chance.choice((0.02, 0.5, 8.0)))
            self.world.after(lasts, lambda: self._settle(task, opening, ending))
        self.world.after(chance.expovariate(self._rate), self._arrival)

    def _start(self, task: Task) -> None:
        if not self._frozen(lambda: self._start(task)) and task.opening in self.open:
            task.started = self._next()
            self.delivery.send(Started(task.started, task.opening, self._clock(), 0.01))

    def _warn(self, task: Task) -> None:
        """The guard: its deadline is near, and it has not ended."""
        if not self._frozen(lambda: self._warn(task)) and task.opening in self.open:
            task.near = self._next()
            self.delivery.send(Pending(task.near, task.opening, self._clock(), "deadline_near"))

    def _settle(self, task: Task, opening: Scheduled, ending: tuple[str, str]) -> None:
        if self._frozen(lambda: self._settle(task, opening, ending)):
            return
        del self.open[task.opening]
        task.ending, task.closing = ending, self._next()
        self._settled += 1
        self.delivery.send(
            Settled(
                task.closing,
                task.opening,
                self._clock(),
                opening.task,
                *ending,
                platform="asyncio",
                scheduled_at=opening.at,
                duration_seconds=self._clock() - opening.at,
                start_delay_seconds=0.01 if task.started else None,
            )
        )

    def _beat(self) -> None:
        assert self.lease_seconds is not None
        if not self.stopped and not self._frozen(self._beat):
            self._instance("beat")
            self.world.after(self.lease_seconds / 3, self._beat)

    def _instance(self, state: str) -> int:
        number = self._next()
        self.accounts.append(number)
        told = Instance(
            number, self._clock(), state, len(self.tasks), self._settled, self.lease_seconds
        )
        self.delivery.send(told)
        return number

    def _remade(self) -> None:
        """It had to make its spool anew: whoever reads it is to know how much there was."""
        if self.stopped:
            self.down_sequence = self._instance("down")
        else:
            self._instance("up")

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _clock(self) -> float:
        return self.world.now + self.skew


FLEETS: dict[Sidecar, list[Process]] = {}
"""Every process there was, by the sidecar it reports to."""
