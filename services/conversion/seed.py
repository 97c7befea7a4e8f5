"""What a fresh installation starts with: the default gate and the default stages."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.conversion.domain.gate import KIND, load_gate
from services.conversion.domain.pipeline import KIND as PIPELINE
from services.conversion.domain.pipeline import load_pipeline
from shared.handling.work import Work
from shared.persistence.rule_versions import publish_default

if TYPE_CHECKING:
    import asyncpg

_RULES: Final = Path(__file__).parent / "rules"
GATE_FILE: Final = _RULES / f"{KIND}.yaml"
PIPELINE_FILE: Final = _RULES / f"{PIPELINE}.yaml"


async def seed(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Version 1 of each kind; active ones stay as they are."""
    work = Work(connection, datetime.now(UTC))
    await publish_default(work, KIND, GATE_FILE, load_gate)
    await publish_default(work, PIPELINE, PIPELINE_FILE, load_pipeline)
