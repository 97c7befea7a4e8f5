"""Slots: which transactional id a process may use.

Two processes with one transactional id would fence each other in turns, and a restarted process should get its
predecessor's id, so that the open transaction of the dead one ends at once. The lease is a session-level advisory
lock on a connection of its own: it ends with the process, however that ends, and is held by one that is merely
stopped. The row in `slots` tells people who holds what, and which ids were given up.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, cast

import asyncpg

from shared.persistence.database import CONNECT_TIMEOUT_S, TIMEOUTS, role_of

Ending: TypeAlias = Literal["committed", "aborted"]

MAX_SLOTS: Final = 256
# The holder of a slot whose last transaction Kafka does not end: its id cannot be had, perhaps for hours.
GIVEN_UP: Final = "given up: Kafka does not end its last transaction"
_GIVEN_UP_FOR: Final = timedelta(hours=1)


@dataclass(slots=True)
class Slot:
    """A leased slot. Lost when its connection is."""

    group: str
    number: int
    connection: "asyncpg.Connection[asyncpg.Record]"

    @property
    def transactional_id(self) -> str:
        """`<group>-<slot>`."""
        return f"{self.group}-{self.number}"

    @property
    def held(self) -> bool:
        """Whether the lease's session is still open."""
        return not self.connection.is_closed()

    async def release(self) -> None:
        """Give the slot back."""
        await self.connection.close(timeout=2)

    async def read(self) -> Ending | None:
        """How the last transaction of this id ended, while what it left is not ended; see shared.messaging.leftovers.Memory."""
        query = "SELECT unended FROM slots WHERE group_id = $1 AND slot = $2"
        kept = await self.connection.fetchval(query, self.group, self.number)
        return cast(Ending | None, kept)

    async def write(self, ended: Ending | None) -> None:
        """Keep it; None: nothing is left."""
        query = "UPDATE slots SET unended = $3 WHERE group_id = $1 AND slot = $2"
        await self.connection.execute(query, self.group, self.number, ended)

    async def give_up(self, now: datetime) -> None:
        """Leave the slot alone for an hour, so that neither this process nor its successor waits for its id again."""
        await _record(self.connection, self.group, self.number, GIVEN_UP, now)
        await self.release()


async def lease_slot(dsn: str, schema: str, group: str, preferred: int, holder: str, now: datetime) -> Slot:
    """The preferred slot if it is free, else the lowest free one; those that were given up come last. Raises RuntimeError
    when all are taken."""
    connection = await asyncpg.connect(
        dsn,
        timeout=CONNECT_TIMEOUT_S,
        server_settings={
            "search_path": schema,
            "role": role_of(schema),
            "application_name": f"leadstream-{schema}-slot",
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
            **TIMEOUTS,
        },
    )
    avoided = await _given_up(connection, group, now)
    for number in sorted([preferred, *(n for n in range(MAX_SLOTS) if n != preferred)], key=avoided.__contains__):
        if await connection.fetchval("SELECT pg_try_advisory_lock(hashtext($1), $2)", f"{schema}/{group}", number):
            await _record(connection, group, number, holder, now)
            return Slot(group, number, connection)
    await connection.close()
    raise RuntimeError(f"all {MAX_SLOTS} slots of {group} are taken")


async def _given_up(connection: "asyncpg.Connection[asyncpg.Record]", group: str, now: datetime) -> set[int]:
    rows = await connection.fetch(
        "SELECT slot FROM slots WHERE group_id = $1 AND holder = $2 AND leased_at > $3",
        group,
        GIVEN_UP,
        now - _GIVEN_UP_FOR,
    )
    return {row["slot"] for row in rows}


async def _record(
    connection: "asyncpg.Connection[asyncpg.Record]", group: str, number: int, holder: str, now: datetime
) -> None:
    await connection.execute(
        """
        INSERT INTO slots (group_id, slot, holder, leased_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (group_id, slot) DO UPDATE SET holder = excluded.holder, leased_at = excluded.leased_at
        """,
        group,
        number,
        holder,
        now,
    )
