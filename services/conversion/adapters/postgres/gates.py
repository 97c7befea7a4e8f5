"""The gate that is active."""

from services.conversion.domain.gate import KIND, Gate, compile_gate, load_gate
from shared.handling.work import Work
from shared.persistence.rule_versions import ActiveRules, RuleVersion


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
