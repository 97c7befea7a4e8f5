"""What a fresh installation starts with: the default rules and three members, so that the first lead has an owner."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.routing.domain.rules import KIND, load_assignment_rules
from shared.handling.work import Work
from shared.persistence.rule_versions import NewRules, publish_version

if TYPE_CHECKING:
    import asyncpg

RULES_FILE: Final = Path(__file__).parent / "rules" / f"{KIND}.yaml"
MEMBERS: Final = (("ann", "Ann"), ("ben", "Ben"), ("chris", "Chris"))
QUEUE: Final = "sales"


async def seed(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Version 1 of the rules and the members of the queue `sales`; what is there already stays as it is."""
    work = Work(connection, datetime.now(UTC))
    if not await work.fetch("SELECT 1 FROM active_rules WHERE kind = $1", KIND):
        await _publish_defaults(work)
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


async def _publish_defaults(work: Work) -> None:
    document = RULES_FILE.read_text(encoding="utf-8")
    loaded = load_assignment_rules(document, file=RULES_FILE.name)
    await publish_version(
        work, NewRules(KIND, loaded.model.name, loaded.content_hash, document, "leadstream", "default rules")
    )
