"""Beats: a process over the network says that it lives, so that its silence comes to mean death.

Beside a spool a lock says so. Elsewhere a process that was killed is as silent as one that has
nothing to say, unless it has promised to speak: every record of an instance then carries a lease,
and while tasks are open a thread, which a blocked event loop does not stop, speaks three times in
each. With no task open and nothing new to account for it is silent, and costs no request: a lease
that lapses then loses nothing, as the next opening is a sign of life too.

A platform that freezes its processes keeps no such promise, so none is made there.
"""

import os
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from afterword import forking, internal_errors
from afterword.delivery.bell import Bell

if TYPE_CHECKING:
    from afterword.delivery.http import HttpDelivery
    from afterword.settings import Settings
    from afterword.stream import Stream

DEFAULT_LEASE_SECONDS: Final = 30.0
BEATS_A_LEASE: Final = 3

_FREEZES: Final = (
    "VERCEL",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "FUNCTIONS_WORKER_RUNTIME",  # Azure Functions
    "FUNCTION_TARGET",  # Google Cloud Functions
)
"""Variables of platforms that freeze a process between two invocations."""
_MAY_FREEZE: Final = ("K_SERVICE",)
"""Of those that do unless they are set up otherwise, which cannot be seen from within: Cloud Run,
Knative. There a lease is promised where it was asked for."""
_FREEZING_MODULE: Final = "vercel_runtime"
_BROWSER: Final = "emscripten"  # Cloudflare's Python Workers too: no threads


def lease_of(settings: "Settings", environment: Mapping[str, str]) -> float:
    """The lease a process may promise, seconds; 0 where it may promise none."""
    asked = settings.lease_seconds
    frozen = any(environment.get(variable) for variable in _FREEZES)
    if frozen or _FREEZING_MODULE in sys.modules or sys.platform == _BROWSER:
        return 0.0
    if asked is None and any(environment.get(variable) for variable in _MAY_FREEZE):
        return 0.0
    return DEFAULT_LEASE_SECONDS if asked is None else asked


def begin(stream: "Stream", delivery: "HttpDelivery") -> None:
    """Promise a lease for the stream, and keep the promise, where that can be done. May raise."""
    lease_seconds = lease_of(stream.settings, os.environ)
    if lease_seconds and _keeper().keep(Beat(stream, delivery, lease_seconds)):
        stream.lease_seconds = lease_seconds
        delivery.pause_at_most(lease_seconds / BEATS_A_LEASE)


class Beat:
    """The beat of one stream: one record under way at most, however long nobody takes it."""

    def __init__(self, stream: "Stream", delivery: "HttpDelivery", lease_seconds: float) -> None:
        self.stream: Final = stream
        self.interval_seconds: Final = lease_seconds / BEATS_A_LEASE
        self._delivery: Final = delivery
        self._under_way = False
        self._accounted: tuple[int, int, int] | None = (0, 0, 0)
        """Tasks scheduled, tasks settled, records lost: as last told, if that has arrived."""

    def tell(self) -> None:
        """Speak, if there is anything to lose or to account for."""
        if self._under_way:
            self._delivery.flush(0.0)  # it waits for a sidecar: time to knock again
            return
        account = (*self.stream.totals(), self._delivery.lost)
        if self.stream.open_tasks or account != self._accounted:
            self._accounted, self._under_way = account, True
            try:
                self.stream.tell_beat(self._arrived)
            except BaseException:
                self._arrived(taken=False)  # the next one is due all the same
                raise

    def _arrived(self, taken: bool) -> None:  # noqa: FBT001 - what a delivery confirms with
        if not taken:
            self._accounted = None  # nobody knows: say it again
        self._under_way = False


class _Keeper:
    """The thread of a process that keeps its promises."""

    def __init__(self) -> None:
        self._beats: tuple[Beat, ...] = ()
        self._bell: Final = Bell()
        self._thread: threading.Thread | None = None

    def keep(self, beat: Beat) -> bool:
        """Beat for one more stream; whether there is a thread to do it."""
        self._beats = (*(each for each in self._beats if not each.stream.is_down), beat)
        if self._thread is None or not self._thread.is_alive():
            if forking.is_ahead():
                return False
            thread = threading.Thread(target=self._run, name="afterword-beat", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no threads here, or no more of them
                return False
            self._thread = thread
        self._bell.ring()
        return True

    def _run(self) -> None:
        while True:
            living = [beat for beat in self._beats if not beat.stream.is_down]
            self._bell.wait(min((beat.interval_seconds for beat in living), default=None))
            for beat in living:
                try:
                    beat.tell()
                except Exception:  # noqa: BLE001 - a bug must not end the thread
                    internal_errors.handle("telling that the process lives")


_keepers: Final[dict[int, _Keeper]] = {}
"""By process id: a fork leaves the parent's thread behind."""


def _keeper() -> _Keeper:
    pid = os.getpid()
    for inherited in [each for each in list(_keepers) if each != pid]:
        _keepers.pop(inherited, None)
    return _keepers.setdefault(pid, _Keeper())
