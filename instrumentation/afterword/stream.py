"""This process's stream: its identity, its sequence, its totals, its open tasks, its delivery.

Nothing is made at import: the first task makes the stream, because Workers forbid randomness at
import and because a server may fork after it. The process id is compared at every use, since not
every server runs at-fork hooks: a forked child gets a stream of its own, and the parent's tasks
stay the parent's.
"""

import atexit
import os
import sys
from _thread import RLock
from collections.abc import Callable
from itertools import count
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Final, NamedTuple

from afterword import internal_errors, names, settings
from afterword.evidence import STREAM_BYTES, Instance, Record, TaskKind
from afterword.lineage import mark
from afterword.task_record import KnownKind

if TYPE_CHECKING:
    from afterword.delivery import Delivery
    from afterword.settings import Settings
    from afterword.tracked import Tracked

_MOST_TALLIES: Final = 2000
_LONGEST_NAME: Final = 255
"""What the sidecar keeps of one, in characters; the rest is not sent."""

Labels = tuple[str, str, str]
"""Name, platform, origin: what tasks are counted under."""


class Counted(NamedTuple):
    """What was counted under one set of labels, at one moment."""

    labels: Labels
    scheduled: int
    settled: dict[str, int]
    """By outcome."""


class Tally:
    """The integers behind the application's counters, for one set of labels."""

    __slots__ = ("labels", "scheduled", "settled")

    def __init__(self, labels: Labels) -> None:
        self.labels: Final = labels
        self.scheduled = 0
        self.settled: Final = dict.fromkeys(names.OUTCOMES, 0)


class CountedKind(KnownKind):
    """A kind of task, and where its tasks are counted."""

    __slots__ = ("tally",)

    def __init__(self, kind: TaskKind, tally: Tally) -> None:
        super().__init__(kind)
        self.tally: Final = tally


class Stream:
    """One process that reports. Safe from any thread, and from finalizers."""

    __slots__ = (
        "_known_kinds",
        "_tallies",
        "_told_pending",
        "by_identity",
        "delivery",
        "id",
        "is_down",
        "is_ready",
        "lease_seconds",
        "lock",
        "mark",
        "next_sequence",
        "open_tasks",
        "pid",
        "settings",
        "stopping",
    )

    def __init__(self, pid: int, in_force: "Settings") -> None:
        self.pid: Final = pid
        self.mark: Final = mark()
        """Item 0 is true in the process that this is the stream of, and false in its children."""
        self.settings: Final = in_force
        self.id: Final = os.urandom(STREAM_BYTES)
        self.lock: Final = RLock()
        """Re-entrant, as a finalizer may settle a task while this thread settles another."""
        self.delivery: Delivery | None = None
        self.open_tasks: Final[dict[int, Tracked]] = {}
        """By the sequence of the opening. Strong: what is handed over is kept alive."""
        self.by_identity: Final[dict[int, Tracked]] = {}
        """By ``id()`` of the live awaitable that was handed over."""
        self._tallies: Final[dict[Labels, Tally]] = {}
        self._known_kinds: Final[dict[tuple[str, str, str, str], CountedKind]] = {}
        self.lease_seconds = 0.0
        """How long the sidecar may trust a sign of life; 0: no beat was promised (``beats``)."""
        self.is_down = False
        """It has said that it goes down: it beats no more."""
        self.stopping = False
        """The process is about to end: whatever is cancelled from now on is ``shutdown``."""
        self._told_pending: dict[int, str] = {}
        """Where each open task was said to wait when the process began to stop, by sequence."""
        self.next_sequence: Final = count(1).__next__
        """1, 2, 3 …, never the same twice. No method of ours around it: each task asks thrice."""
        self.is_ready = False

    def send(self, record: Record) -> None:
        """Hand a record to the delivery, if there is one."""
        if self.delivery is not None:
            self.delivery.send(record)

    def known_kind(self, name: str, function: str, platform: str, origin: str) -> CountedKind:
        """The kind of a task, and where it is counted: under ``_other`` beyond a bound on labels.

        One object for equal ones.
        """
        key = (name, function, platform, origin)
        known = self._known_kinds.get(key)
        return known if known is not None else self._new_kind(key)

    def _new_kind(self, key: tuple[str, str, str, str]) -> CountedKind:
        name, function, platform, origin = (text[:_LONGEST_NAME] for text in key)
        with self.lock:
            known = self._known_kinds.get(key)
            if known is not None:  # another thread was first
                return known
            labels = (name, platform, origin)
            if labels not in self._tallies and len(self._tallies) >= _MOST_TALLIES:
                labels = (names.OTHER_NAME, platform, origin)
            tally = self._tallies.setdefault(labels, Tally(labels))
            known = CountedKind(TaskKind(name, platform, origin, function), tally)
            if len(self._known_kinds) < _MOST_TALLIES and len(key[0]) <= _LONGEST_NAME:
                self._known_kinds[key] = known
        return known

    def counted(self) -> list[Counted]:
        """What was counted so far, as of one moment."""
        with self.lock:
            return [
                Counted(tally.labels, tally.scheduled, dict(tally.settled))
                for tally in self._tallies.values()
            ]

    def ready(self, open_delivery: "Callable[[Stream], Delivery | None]") -> None:
        """Open the delivery and say that the process is up; once, at the stream's first use.

        If anything is raised the next use tries again.
        """
        if self.is_ready:
            return
        with self.lock:
            if not self._is_opened():
                self.delivery = self.delivery or open_delivery(self)
                self.send(self._instance(names.INSTANCE_UP))
                self.is_ready = True
        for hook in on_ready:
            hook()

    def _is_opened(self) -> bool:
        """Asked again with the lock held: another thread may have been first."""
        return self.is_ready

    def totals(self) -> tuple[int, int]:
        """Tasks scheduled and tasks settled so far.

        Takes no lock, as a delivery that holds its own may ask. So they need not be of one moment,
        but no more are settled than scheduled.
        """
        tallies = list(self._tallies.values())
        settled = sum(sum(tally.settled.values()) for tally in tallies)
        return sum(tally.scheduled for tally in tallies), settled

    def account(self) -> Instance:
        """A record of the totals, for a delivery that has lost it cannot say what."""
        return self._instance(names.INSTANCE_BEAT)

    def _instance(self, state: str) -> Instance:
        scheduled, settled = self.totals()
        lease_seconds = self.lease_seconds or None
        return Instance(self.next_sequence(), time_ns(), state, scheduled, settled, lease_seconds)

    def tell_beat(self, confirm: Callable[[bool], None]) -> None:
        """Say that the process lives, with its totals; ``confirm`` as in ``send_confirmed``."""
        with self.lock:
            beat = None if self.is_down else self._instance(names.INSTANCE_BEAT)
        if beat is not None and self.delivery is not None:
            self.delivery.send_confirmed(beat, confirm)

    def tell_stopping(self) -> None:
        """Say of every open task that the process is stopping, and where the task waits.

        May be called again, as moments come at which the process may be killed: what has not moved
        since is not told twice.
        """
        self.stopping = True
        if self.delivery is None:
            return
        told: dict[int, str] = {}
        for sequence, tracked in list(self.open_tasks.items()):
            told[sequence] = awaiting = tracked.awaiting()
            if self._told_pending.get(sequence) != awaiting:
                tracked.pending(names.PENDING_SHUTDOWN, awaiting)
        self._told_pending = told

    def tell_down(self) -> None:
        """Say what is still open, then that no more will come: whatever is open then is judged."""
        self.tell_stopping()
        with self.lock:  # no beat has a later number than this
            self.is_down = True
            down = self._instance(names.INSTANCE_DOWN)
        self.send(down)

    def end(self, timeout_seconds: float) -> None:
        """Report what is still open, say goodbye, and deliver it all within the time given."""
        self.tell_down()
        if self.delivery is not None:
            self.delivery.close(timeout_seconds)


on_ready: Final[list[Callable[[], None]]] = []
"""Called when a stream is ready, at the first task of a process: by then its server is up. They
never raise."""

_current: Stream | None = None
_streams: Final[dict[tuple[int, int], Stream]] = {}
"""By process id and generation. All streams that this process still has to end; a second
generation comes from ``renew``."""
_inherited: Final[list[Stream]] = []
"""Of the parent, kept for the tasks that only they keep alive: what is to be done when such a task
goes away (``finally``) is the parent's to do, and would be done here."""
_generation = 0
_exit_registered = False


def current() -> Stream:
    """This process's stream; made if there is none, or if the one there is belongs to the parent.

    ``ready`` is the caller's to call.
    """
    stream = _current
    if stream is not None and stream.mark[0]:
        return stream
    return _make()


def latest() -> Stream | None:
    """The stream made last; whether it is still this process's is for the caller to ask."""
    return _current


def existing() -> Stream | None:
    """This process's stream if it has one."""
    stream = _current
    return stream if stream is not None and stream.mark[0] else None


def renew() -> None:
    """Begin a new stream with the next task, as other settings are in force.

    The old one goes on for the tasks that it has open, and is ended at exit.
    """
    global _current, _generation  # noqa: PLW0603 - a process has one stream
    _generation += 1
    _current = None


class Aside(NamedTuple):
    """The streams of a process, while others stand in their place."""

    current: Stream | None
    streams: dict[tuple[int, int], Stream]


def set_aside() -> Aside:
    """Put this process's streams away, so that the next task begins a new one. For tests."""
    global _current, _generation  # noqa: PLW0603 - a process has one stream
    aside = Aside(_current, dict(_streams))
    _streams.clear()
    _generation += 1
    _current = None
    return aside


def put_back(aside: Aside) -> None:
    """Undo ``set_aside``. Streams made meanwhile are forgotten; what is open in them is theirs."""
    global _current  # noqa: PLW0603 - a process has one stream
    _streams.clear()
    _streams.update(aside.streams)
    _current = aside.current


def _make() -> Stream:
    global _current, _exit_registered  # noqa: PLW0603 - a process has one stream
    pid = os.getpid()
    # No lock: another thread may have held it when this process was forked. setdefault is atomic,
    # and a stream does nothing to the world before it is ready.
    stream = _streams.setdefault((pid, _generation), Stream(pid, settings.current()))
    for key in [key for key in list(_streams) if key[0] != pid]:
        inherited = _streams.pop(key, None)
        if inherited is not None:
            _inherited.append(inherited)
            if inherited.delivery is not None:
                inherited.delivery.abandon()
    _current = stream
    if not _exit_registered:
        _exit_registered = True
        atexit.register(end_all)
    if "multiprocessing.process" in sys.modules:
        from afterword import forked_children  # noqa: PLC0415 - in few processes

        forked_children.at_end(end_child)
    return stream


def flush(timeout_seconds: float, *, last: bool = False) -> bool:
    """Deliver what this process has told so far, within the time given; whether all of it was.

    ``last``: see ``Delivery.flush``.
    """
    due = monotonic() + timeout_seconds
    done = True
    for stream in own():
        if stream.delivery is not None:
            done = stream.delivery.flush(max(0.0, due - monotonic()), last=last) and done
    return done


def counted_in_process() -> list[Counted]:
    """What all streams of this process counted; one entry for one set of labels."""
    merged: dict[Labels, Counted] = {}
    for stream in own():
        for one in stream.counted():
            before = merged.get(one.labels)
            if before is not None:
                settled = {
                    outcome: number + before.settled[outcome]
                    for outcome, number in one.settled.items()
                }
                merged[one.labels] = Counted(one.labels, one.scheduled + before.scheduled, settled)
            else:
                merged[one.labels] = one
    return list(merged.values())


def own() -> list[Stream]:
    """All streams of this process: the one in use, and those that ``renew`` left to their tasks."""
    pid = os.getpid()
    return [stream for stream in list(_streams.values()) if stream.pid == pid]


def end_all() -> None:
    """The process ends now: report, say goodbye, deliver. Never raises."""
    _end(Stream.end)


def end_child() -> None:
    """The same of a forked child, whose threads go on until they end: delivery stays open."""

    def end(stream: Stream, timeout_seconds: float) -> None:
        stream.tell_down()
        if stream.delivery is not None:
            stream.delivery.flush(timeout_seconds, last=True)

    _end(end)


def _end(end: Callable[[Stream, float], None]) -> None:
    due: float | None = None
    for stream in own():
        if due is None:
            due = monotonic() + stream.settings.exit_timeout_seconds
        try:
            end(stream, max(0.0, due - monotonic()))
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("reporting the tasks still open at exit")
