"""The live scoring model: compiled once a version, noted in the metrics."""

from services.scoring.adapters.live import live_rules
from services.scoring.domain.model import KIND, load_scoring_model
from services.scoring.domain.scoring import CompiledModel, compile_model
from shared.persistence.rule_versions import ActiveRules


def active_models() -> ActiveRules[CompiledModel]:
    """The active version, read in every batch's transaction."""
    return live_rules(
        KIND, lambda version: compile_model(load_scoring_model(version.document), version=version.version)
    )
