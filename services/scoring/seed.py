"""The rules that a fresh installation starts with."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncpg

from services.scoring.domain.model import KIND, load_scoring_model
from shared.handling.work import Work
from shared.persistence.rule_versions import NewRules, publish_version

DEFAULT_MODEL: Final = Path(__file__).parent / "rules" / "scoring.yaml"


async def seed(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Publish the default model as version 1 where no model is active. Whatever was published stays."""
    if await connection.fetchval("SELECT 1 FROM active_rules WHERE kind = $1", KIND):
        return
    document = DEFAULT_MODEL.read_text(encoding="utf-8")
    loaded = load_scoring_model(document, DEFAULT_MODEL.name)
    work = Work(connection, datetime.now(UTC))
    await publish_version(
        work, NewRules(KIND, loaded.model.name, loaded.content_hash, document, "leadstream", "the default model")
    )
