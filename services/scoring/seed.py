"""The rules that a fresh installation starts with."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.scoring.domain.model import KIND, load_scoring_model
from services.scoring.journeys.domain.model import KIND as JOURNEYS
from services.scoring.journeys.domain.model import load_journey_rules
from services.scoring.segments.domain.model import KIND as SEGMENTS
from services.scoring.segments.domain.model import load_segment_rules
from shared.handling.work import Work
from shared.persistence.rule_versions import publish_default

if TYPE_CHECKING:
    import asyncpg

_RULES: Final = Path(__file__).parent / "rules"
DEFAULT_MODEL: Final = _RULES / f"{KIND}.yaml"
DEFAULT_SEGMENTS: Final = _RULES / f"{SEGMENTS}.yaml"
DEFAULT_JOURNEYS: Final = _RULES / f"{JOURNEYS}.yaml"


async def seed(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Version 1 of each kind; active ones stay as they are."""
    work = Work(connection, datetime.now(UTC))
    await publish_default(work, KIND, DEFAULT_MODEL, load_scoring_model)
    await publish_default(work, SEGMENTS, DEFAULT_SEGMENTS, load_segment_rules)
    await publish_default(work, JOURNEYS, DEFAULT_JOURNEYS, load_journey_rules)
