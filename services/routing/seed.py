"""What a fresh installation starts with: the default rules and three members, so that the first lead has an owner."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.routing.domain.rules import KIND, load_assignment_rules
from shared.handling.work import Work
from shared.persistence.rule_versions import publish_default

if TYPE_CHECKING:
    import asyncpg

RULES_FILE: Final = Path(__file__).parent / "rules" / f"{KIND}.yaml"
MEMBERS: Final = (("ann", "Ann"), ("ben", "Ben"), ("chris", "Chris"))
QUEUE: Final = "sales"


async def seed(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Version 1 of the rules and the members of the queue `sales`; what is there already stays as it is."""
    work = Work(connection, datetime.now(UTC))
    await publish_default(work, KIND, RULES_FILE, load_assignment_rules)
    if not await work.fetch("SELECT 1 FROM members LIMIT 1"):
        await work.execute(
            """
            INSERT INTO members (member_id, name, active, queues, changed_at)
            SELECT given.member_id, given.name, true, $3, $4
            FROM unnest($1::text[], $2::text[]) AS given (member_id, name)
            """,
            [member_id for member_id, _ in MEMBERS],
            [name for _, name in MEMBERS],
            [QUEUE],
            work.now,
        )
