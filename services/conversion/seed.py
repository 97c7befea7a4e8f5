"""What a fresh installation starts with: the default gate."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.conversion.domain.gate import KIND, load_gate
from shared.handling.work import Work
from shared.persistence.rule_versions import publish_default

if TYPE_CHECKING:
    import asyncpg

GATE_FILE: Final = Path(__file__).parent / "rules" / f"{KIND}.yaml"


async def seed(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Version 1 of the gate; an active one stays as it is."""
    await publish_default(Work(connection, datetime.now(UTC)), KIND, GATE_FILE, load_gate)
