"""The rules that a fresh installation starts with."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.scoring.domain.model import KIND, load_scoring_model
from shared.handling.work import Work
from shared.persistence.rule_versions import publish_default

if TYPE_CHECKING:
    import asyncpg

DEFAULT_MODEL: Final = Path(__file__).parent / "rules" / f"{KIND}.yaml"


async def seed(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Version 1 of the model; an active one stays as it is."""
    await publish_default(Work(connection, datetime.now(UTC)), KIND, DEFAULT_MODEL, load_scoring_model)
