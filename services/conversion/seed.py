"""What a fresh installation starts with: the default gate."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.conversion.domain.gate import KIND, load_gate
from shared.handling.work import Work
from shared.persistence.rule_versions import NewRules, publish_version

if TYPE_CHECKING:
    import asyncpg

GATE_FILE: Final = Path(__file__).parent / "rules" / f"{KIND}.yaml"


async def seed(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Version 1 of the gate; an active one stays as it is."""
    work = Work(connection, datetime.now(UTC))
    if await work.fetch("SELECT 1 FROM active_rules WHERE kind = $1", KIND):
        return
    document = GATE_FILE.read_text(encoding="utf-8")
    loaded = load_gate(document, GATE_FILE.name)
    name = loaded.model.name
    await publish_version(work, NewRules(KIND, name, loaded.content_hash, document, "leadstream", "default gate"))
