"""The unit of work that a batch hands to adapters: one Postgres transaction, one instant."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from shared.contracts.envelope import rfc3339


@dataclass(slots=True)
class Work:
    """One Postgres transaction and the instant at which its decisions are made.

    `instant` is `now` as the contracts write it. Adapters run SQL on `db` (asyncpg, prepared and cached by statement text); use cases only pass it on.
    """

    db: "asyncpg.Connection[asyncpg.Record]"
    now: datetime
    instant: str = field(init=False)
    _once_stored: list[Callable[[], object]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        self.instant = rfc3339(self.now)

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        """Rows of a statement."""
        return await self.db.fetch(sql, *arguments)

    def once_stored(self, effect: Callable[[], object]) -> None:
        """Do this when the transaction is committed, and never when it is rolled back: counting, noting in metrics."""
        self._once_stored.append(effect)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """What is done inside is done as a whole or not at all, effects that wait for the commit too."""
        kept = len(self._once_stored)
        try:
            async with self.db.transaction():
                yield
        except BaseException:
            del self._once_stored[kept:]
            raise

    def stored(self) -> None:
        """The transaction is committed."""
        for effect in self._once_stored:
            effect()

    async def execute(self, sql: str, *arguments: Any) -> None:
        """Run a statement for its effect."""
        await self.db.execute(sql, *arguments)
