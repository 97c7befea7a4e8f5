"""The published rules, and the leads that were merged away."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

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

_VERSION: Final = """
    SELECT kind, name, version, content_hash, author, reason, document, published_at FROM rule_versions
    WHERE kind = $1 AND version = $2
"""
_HISTORY: Final = """
    SELECT r.version, r.name, r.content_hash, r.author, r.reason, r.published_at, a.version IS NOT NULL AS active
    FROM rule_versions r LEFT JOIN active_rules a USING (kind, version)
    WHERE r.kind = $1 ORDER BY r.version DESC LIMIT 500
"""


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

    async def version(self, work: Work, version: int) -> PublishedRules:
        """A stored version."""
        stored = dict((await work.fetch(_VERSION, KIND, version))[0])
        return PublishedRules(**{**stored, "published_at": rfc3339(stored["published_at"])})

    async def history(self, work: Work) -> list[dict[str, Any]]:
        """The published versions, newest first; `active` marks the one that is applied."""
        rows = [dict(row) for row in await work.fetch(_HISTORY, KIND)]
        return [{**row, "published_at": rfc3339(row["published_at"])} for row in rows]


class PostgresAliases:
    """Merged leads in Postgres."""

    async def resolve(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, str]:
        """The surviving lead of each merged one; the others are absent."""
        return await aliases.resolve(work, lead_ids)

    async def save(self, work: Work, loser_id: str, winner_id: str, version: int) -> None:
        """Remember a merge, unless a newer one is known."""
        await aliases.save_alias(work, loser_id, winner_id, version)
