"""The live journeys: compiled once a version, noted in the metrics."""

from services.scoring.journeys.domain.model import KIND, load_journey_rules
from services.scoring.journeys.domain.running import CompiledJourneys, compile_journeys
from shared.observability.metrics import RULES_INFO
from shared.persistence.rule_versions import ActiveRules, RuleVersion


def active_journeys() -> ActiveRules[CompiledJourneys]:
    """The active version, read in every batch's transaction."""
    noted: list[str] = []

    def compile_version(version: RuleVersion) -> CompiledJourneys:
        rules = compile_journeys(load_journey_rules(version.document), version=version.version)
        for earlier in noted:
            RULES_INFO.remove(KIND, earlier)
        noted[:] = [str(version.version)]
        RULES_INFO.labels(kind=KIND, version=noted[0]).set(1)
        return rules

    return ActiveRules(KIND, compile_version)
