"""What a fresh installation starts with: validation rules that take every lead who can be reached."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.capture.domain.validation import KIND, load_validation
from shared.handling.work import Work
from shared.persistence.rule_versions import publish_default

if TYPE_CHECKING:
    import asyncpg

RULES_FILE: Final = Path(__file__).parent / "rules" / f"{KIND}.yaml"


async def seed(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Version 1 of the rules; an active one stays as it is."""
    await publish_default(Work(connection, datetime.now(UTC)), KIND, RULES_FILE, load_validation)
