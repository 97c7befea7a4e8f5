"""The unit of work that a batch hands to adapters: one Postgres transaction, one instant."""

from collections.abc import Sequence
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

    def __post_init__(self) -> None:
        self.instant = rfc3339(self.now)

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        """Rows of a statement."""
        return await self.db.fetch(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> None:
        """Run a statement for its effect."""
        await self.db.execute(sql, *arguments)
