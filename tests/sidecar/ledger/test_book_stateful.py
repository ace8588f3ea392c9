"""Anything in any order: the book balances, counts once, and the task's own word is the last."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from afterword_sidecar.ledger.facts import (
    Fact,
    Instance,
    InvocationEnded,
    Pending,
    Rollup,
    Source,
)
from worlds.desk import Desk, closing, opening, start

STREAMS = [Source(bytes([n]) * 16, f"service-{n % 2}") for n in range(3)]
ENDINGS = [("completed", "completed"), ("failed", "exception"), ("timed_out", "timeout")]
stream_numbers = st.integers(0, len(STREAMS) - 1)
chosen = st.integers(0, 10_000)


class BookMachine(RuleBasedStateMachine):
    """Streams that number their records; a network that delays, drops and repeats them."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(longest_life_seconds=120, finality_seconds=60)
        self.next_number = [1] * len(STREAMS)
        self.on_the_way: list[tuple[int, Fact]] = []
        self.told: list[tuple[int, Fact]] = []
        self.openings: list[tuple[int, int]] = []
        self.ended: dict[tuple[int, int], tuple[str, str]] = {}
        self.known: set[tuple[int, int]] = set()
        self.rolled_up = 0

    def number(self, stream: int) -> int:
        self.next_number[stream] += 1
        return self.next_number[stream] - 1

    def send(self, stream: int, fact: Fact) -> None:
        self.on_the_way.append((stream, fact))

    @rule(stream=stream_numbers, deadline=st.sampled_from([None, 5.0, 50.0]))
    def schedule(self, stream: int, deadline: float | None) -> None:
        number = self.number(stream)
        until = None if deadline is None else self.desk.now + deadline
        fact = opening(
            number, at=self.desk.now, deadline=until, invocation=f"i{number % 3}", payload="{}"
        )
        self.openings.append((stream, number))
        self.send(stream, fact)

    @rule(which=chosen, ending=st.sampled_from(ENDINGS))
    def settle(self, which: int, ending: tuple[str, str]) -> None:
        left = [key for key in self.openings if key not in self.ended]
        if left:
            stream, number = key = left[which % len(left)]
            self.ended[key] = ending
            outcome, reason = ending
            self.send(
                stream, closing(self.number(stream), number, outcome, reason, at=self.desk.now)
            )

    @rule(which=chosen, shutdown=st.booleans(), begin=st.booleans())
    def live(self, which: int, shutdown: bool, begin: bool) -> None:  # noqa: FBT001 - as above
        left = [key for key in self.openings if key not in self.ended]
        if left:
            stream, number = left[which % len(left)]
            at, reason = self.desk.now, "shutdown" if shutdown else "deadline_near"
            own = self.number(stream)
            self.send(stream, start(own, number, at) if begin else Pending(own, number, at, reason))

    @rule(stream=stream_numbers, state=st.sampled_from(["up", "beat", "down"]))
    def report(self, stream: int, state: str) -> None:
        settled = sum(1 for key in self.ended if key[0] == stream)
        lease = 20.0 if stream == 0 else None
        self.send(stream, Instance(self.number(stream), self.desk.now, state, 0, settled, lease))

    @rule(stream=stream_numbers, which=st.integers(0, 2))
    def end_invocation(self, stream: int, which: int) -> None:
        fact = InvocationEnded(self.number(stream), self.desk.now, f"i{which}", 1, 0)
        self.send(stream, fact)

    @rule(stream=stream_numbers, count=st.integers(1, 5))
    def roll_up(self, stream: int, count: int) -> None:
        low = self.number(stream)
        self.next_number[stream] = low + 2 * count
        ranges = ((low, low + 2 * count - 1),)
        number = self.number(stream)
        self.send(stream, Rollup(number, self.desk.now, "t", *ENDINGS[0], count, ranges))

    @rule(which=chosen, some=st.integers(1, 4))
    def deliver(self, which: int, some: int) -> None:
        """Some records arrive, from anywhere in the queue."""
        for _ in range(min(some, len(self.on_the_way))):
            stream, fact = self.on_the_way.pop(which % len(self.on_the_way))
            self.desk.tell(fact, source=STREAMS[stream])
            self.told.append((stream, fact))
            if isinstance(fact, Rollup):
                self.rolled_up += fact.count
            elif isinstance(fact, type(opening())):
                self.known.add((stream, fact.sequence))
            elif isinstance(fact, type(closing(2))):
                self.known.add((stream, fact.opening_sequence))

    @rule(which=chosen)
    def drop(self, which: int) -> None:
        if self.on_the_way:
            self.on_the_way.pop(which % len(self.on_the_way))

    @rule(which=chosen)
    def repeat(self, which: int) -> None:
        if self.told:
            stream, fact = self.told[which % len(self.told)]
            assert self.desk.tell(fact, source=STREAMS[stream]).duplicates == 1

    @rule(seconds=st.sampled_from([0.1, 3.0, 30.0, 130.0]))
    def wait(self, seconds: float) -> None:
        self.desk.pass_time(seconds)

    @rule(stream=stream_numbers)
    def die(self, stream: int) -> None:
        self.desk.die(STREAMS[stream])

    @rule()
    def restart(self) -> None:
        self.desk.restart()

    @invariant()
    def every_task_is_counted_once(self) -> None:
        assert self.desk.total("scheduled") == len(self.known) + self.rolled_up

    @invariant()
    def the_last_word_is_the_tasks_own(self) -> None:
        for stream, fact in self.told:
            if isinstance(fact, type(closing(2))):
                settled = self.desk.settled[STREAMS[stream].stream, fact.opening_sequence]
                assert settled.verdict.basis == "observed"
                assert settled.verdict.outcome == fact.outcome

    @invariant()
    def letters_are_what_did_not_complete(self) -> None:
        lost = [t for t in self.desk.settled.values() if t.verdict.outcome != "completed"]
        assert sum(self.desk.book.view().dead_letters_open.values()) == len(lost)


TestBook = BookMachine.TestCase
TestBook.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
