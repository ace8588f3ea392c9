"""Our code in the SDK's function (``code_swap``)."""

from typing import Any

from afterword.platforms.code_swap import CodeSwap
from afterword.platforms.vercel.sdk import Sdk

_swap: CodeSwap | None = None


def put_in() -> None:
    """Put our code in, once. Raises as ``Sdk.found`` does."""
    global _swap  # noqa: PLW0603 - there is one such function
    public = Sdk.found().public
    if _swap is None or _swap.function is not public:
        _swap = CodeSwap(public, _watched.__code__)
    _swap.put_in()


def take_out() -> None:
    """Put its own code back, unless somebody else has put in theirs meanwhile."""
    if _swap is not None:
        _swap.take_out()


def _watched(awaitable: Any) -> None:
    from afterword.platforms.vercel.handing_over import hand_over  # noqa: PLC0415 - see code_swap

    hand_over(awaitable)
