"""The published rules, and the leads that were merged away."""

from collections.abc import Iterable, Mapping

from services.routing.domain.rules import (
    KIND,
    AssignmentPolicy,
    compile_assignment_rules,
    load_assignment_rules,
)
from services.routing.ports import PublishedRules
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work
from shared.persistence import aliases
from shared.persistence.rule_versions import ActiveRules, RuleVersion


def _compile(stored: RuleVersion) -> AssignmentPolicy:
    loaded = load_assignment_rules(stored.document, file=f"{KIND} version {stored.version}")
    return compile_assignment_rules(loaded.model, version=stored.version, content_hash=stored.content_hash)


class PostgresRules:
    """The assignment rules in Postgres; the compiled copy is kept while its version is the active one."""

    def __init__(self) -> None:
        self._active = ActiveRules(KIND, _compile)

    async def read(self, work: Work) -> AssignmentPolicy:
        """The active version, compiled."""
        return await self._active.read(work)

    async def version(self, work: Work, version: int | None = None) -> PublishedRules:
        """A stored version; None: the active one."""
        rows = await work.fetch(
            """
            SELECT kind, name, version, content_hash, author, reason, document, published_at FROM rule_versions
            WHERE kind = $1 AND version = coalesce($2, (SELECT version FROM active_rules WHERE kind = $1))
            """,
            KIND,
            version,
        )
        stored = dict(rows[0])
        return PublishedRules(**{**stored, "published_at": rfc3339(stored["published_at"])})


class PostgresAliases:
    """Merged leads in Postgres."""

    async def resolve(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, str]:
        """The surviving lead of each merged one; the others are absent."""
        return await aliases.resolve(work, lead_ids)

    async def save(self, work: Work, loser_id: str, winner_id: str, version: int) -> None:
        """Remember a merge, unless a newer one is known."""
        await aliases.save_alias(work, loser_id, winner_id, version)
