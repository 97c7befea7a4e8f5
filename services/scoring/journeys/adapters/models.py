"""The live journeys: compiled once a version, noted in the metrics."""

from services.scoring.adapters.live import live_rules
from services.scoring.journeys.domain.model import KIND, load_journey_rules
from services.scoring.journeys.domain.running import CompiledJourneys, compile_journeys
from shared.persistence.rule_versions import ActiveRules


def active_journeys() -> ActiveRules[CompiledJourneys]:
    """The active version, read in every batch's transaction."""
    return live_rules(
        KIND, lambda version: compile_journeys(load_journey_rules(version.document), version=version.version)
    )
