"""Futures whose waiters may have given up."""

import asyncio
from typing import Any


def look_at(future: "asyncio.Future[Any]") -> None:
    """As a callback of its end: asyncio would complain of an error that nobody looked at."""
    if not future.cancelled():
        future.exception()
