"""The tables `members` and `rotations`: who can own leads, and whose turn it was last."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from services.routing.domain.assignment import Turn
from services.routing.domain.roster import Member, Roster
from shared.handling.work import Work

_LOCK: Final = """
    SELECT rotation, last_member FROM rotations WHERE rotation = ANY($1::text[]) ORDER BY rotation FOR UPDATE
"""


class PostgresMembers:
    """Members in Postgres."""

    async def roster(self, work: Work) -> Roster:
        """Every member."""
        rows = await work.fetch("SELECT member_id, active, queues FROM members")
        return Roster.of([Member(row["member_id"], row["active"], tuple(row["queues"])) for row in rows])

    async def save(self, work: Work, member_id: str, name: str, queues: Sequence[str], *, active: bool) -> None:
        """Create or replace a member."""
        await work.execute(
            """
            INSERT INTO members (member_id, name, active, queues, changed_at) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (member_id) DO UPDATE SET name = excluded.name, active = excluded.active,
                queues = excluded.queues, changed_at = excluded.changed_at
            """,
            member_id,
            name,
            active,
            list(queues),
            work.now,
        )

    async def find(self, work: Work, member_id: str | None = None) -> list[dict[str, Any]]:
        """Members as the API shows them, in the order of their ids: one, or all."""
        rows = await work.fetch(
            """
            SELECT member_id, name, active, queues FROM members
            WHERE $1::text IS NULL OR member_id = $1 ORDER BY member_id
            """,
            member_id,
        )
        return [dict(row) for row in rows]


class PostgresRotations:
    """Rotations in Postgres."""

    async def lock(self, work: Work, rotations: Iterable[str]) -> dict[str, str | None]:
        """The last assigned member of each rotation, locked in order until the transaction ends.

        Whoever else needs a turn waits here, so that two replicas never give the same turn twice.
        """
        wanted = sorted(set(rotations))
        if not wanted:
            return {}
        rows = await work.fetch(_LOCK, wanted)
        if len(rows) < len(wanted):
            await work.execute(
                "INSERT INTO rotations (rotation) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING", wanted
            )
            rows = await work.fetch(_LOCK, wanted)
        return {row["rotation"]: row["last_member"] for row in rows}

    async def save(self, work: Work, turns: Iterable[Turn]) -> None:
        """The new last members; of several turns of a rotation the last one counts."""
        last = {turn.rotation: turn.member_id for turn in turns}
        if last:
            await work.execute(
                """
                UPDATE rotations AS stored SET last_member = given.member_id
                FROM unnest($1::text[], $2::text[]) AS given (rotation, member_id)
                WHERE stored.rotation = given.rotation
                """,
                list(last),
                list(last.values()),
            )
