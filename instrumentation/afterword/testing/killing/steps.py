"""An awaitable run step by step, with somebody told each time it gives way."""

from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from types import CoroutineType, FrameType, TracebackType
from typing import Any, Final

root: Final[ContextVar[int]] = ContextVar("afterword.killing.root", default=0)
"""The root of the task that is being run here; 0 outside of any."""


class Steps(Coroutine[Any, Any, Any]):
    """Stands in the place of an awaitable that a task runs; what it runs knows its ``root``."""

    def __init__(
        self, awaitable: Awaitable[Any], its_root: int, suspended: Callable[[object], None]
    ) -> None:
        self._coroutine: Final[Any] = (
            awaitable if isinstance(awaitable, CoroutineType) else _await(awaitable)
        )
        self._root: Final = its_root
        self._suspended: Final = suspended

    def send(self, value: Any) -> Any:
        """One step."""
        return self._step(self._coroutine.send, value)

    def throw(self, typ: Any, val: Any = None, tb: TracebackType | None = None) -> Any:
        """One step that begins with an exception."""
        if val is None and tb is None:
            return self._step(self._coroutine.throw, typ)
        return self._step(self._coroutine.throw, typ, val, tb)

    def close(self) -> None:
        """As a coroutine's."""
        self._coroutine.close()

    def _step(self, go: Callable[..., Any], *arguments: Any) -> Any:
        token = root.set(self._root)
        try:
            yielded = go(*arguments)
        finally:
            root.reset(token)
        self._suspended(self._coroutine)
        return yielded

    def __await__(self) -> "Steps":
        return self

    def __iter__(self) -> "Steps":
        return self

    def __next__(self) -> Any:
        return self.send(None)

    @property
    def cr_await(self) -> Any:
        """What it is suspended on."""
        return self._coroutine

    @property
    def cr_frame(self) -> FrameType | None:
        """None of its own."""
        return None

    @property
    def cr_running(self) -> bool:
        """Whether it is being run at this moment."""
        return bool(self._coroutine.cr_running)


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
