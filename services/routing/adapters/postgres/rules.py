"""The active rules, and the leads that were merged away."""

from collections.abc import Iterable, Mapping

from services.routing.domain.rules import (
    KIND,
    AssignmentPolicy,
    compile_assignment_rules,
    load_assignment_rules,
)
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


class PostgresAliases:
    """Merged leads in Postgres."""

    async def resolve(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, str]:
        """The surviving lead of each merged one; the others are absent."""
        return await aliases.resolve(work, lead_ids)

    async def resolve_at(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, aliases.Survivor]:
        """The same, with the version since which it is so."""
        return await aliases.resolve_at(work, lead_ids)

    async def save(self, work: Work, loser_id: str, winner_id: str, version: int) -> None:
        """Remember a merge, unless a newer one is known."""
        await aliases.save_alias(work, loser_id, winner_id, version)
