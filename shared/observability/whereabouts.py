"""Where a task waits, for a log line about one that should have gone on."""

import asyncio
from typing import Any


def whereabouts(task: "asyncio.Task[Any] | None") -> str:
    """The coroutines that a task waits in, outermost first, as `function:line`; how it ended, once it has."""
    if task is None:
        return "none"
    if not task.done():
        return " > ".join(_waiting_in(task.get_coro())) or "not begun"
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    return "ended" if error is None else f"ended by {type(error).__name__}"


def _waiting_in(coroutine: Any) -> list[str]:
    found = []
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        found.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
        coroutine = coroutine.cr_await
    return found
