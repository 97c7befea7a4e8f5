"""The published gates."""

from typing import Any, Final

from services.conversion.domain.gate import KIND, Gate, compile_gate, load_gate
from services.conversion.ports import PublishedRules
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work
from shared.persistence.rule_versions import ActiveRules, RuleVersion

_VERSION: Final = """
    SELECT kind, name, version, content_hash, author, reason, document, published_at FROM rule_versions
    WHERE kind = $1 AND version = coalesce($2, (SELECT version FROM active_rules WHERE kind = $1))
"""

_HISTORY: Final = """
    SELECT r.kind, r.version, r.name, r.content_hash, r.author, r.reason, r.published_at, r.document,
           r.version = a.version AS active
    FROM rule_versions r LEFT JOIN active_rules a USING (kind) WHERE r.kind = $1 ORDER BY r.version DESC LIMIT 500
"""


def _compile(stored: RuleVersion) -> Gate:
    loaded = load_gate(stored.document, f"{KIND} version {stored.version}")
    used = {
        "kind": KIND,
        "name": stored.name,
        "version": stored.version,
        "content_hash": stored.content_hash,
    }
    return compile_gate(loaded.model, used)


class PostgresGates:
    """The gate in Postgres; the compiled copy is kept while its version is the active one."""

    def __init__(self) -> None:
        self._active = ActiveRules(KIND, _compile)

    async def read(self, work: Work) -> Gate:
        """The active gate, compiled."""
        return await self._active.read(work)

    async def history(self, work: Work) -> list[dict[str, Any]]:
        """The newest 500 versions, newest first; `active` marks the one that is asked."""
        rows = await work.fetch(_HISTORY, KIND)
        return [{**dict(row), "published_at": rfc3339(row["published_at"])} for row in rows]

    async def version(self, work: Work, version: int | None = None) -> PublishedRules:
        """A stored version; None: the active one."""
        rows = await work.fetch(_VERSION, KIND, version)
        stored = dict(rows[0])
        return PublishedRules(**{**stored, "published_at": rfc3339(stored["published_at"])})
