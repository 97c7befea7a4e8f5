"""The live scoring model: compiled once a version, noted in the metrics."""

from services.scoring.domain.model import KIND, load_scoring_model
from services.scoring.domain.scoring import CompiledModel, compile_model
from shared.observability.metrics import RULES_INFO
from shared.persistence.rule_versions import ActiveRules, RuleVersion


def active_models() -> ActiveRules[CompiledModel]:
    """The active version, read in every batch's transaction."""
    noted: list[str] = []

    def compile_version(version: RuleVersion) -> CompiledModel:
        model = compile_model(load_scoring_model(version.document), version=version.version)
        for earlier in noted:
            RULES_INFO.remove(KIND, earlier)
        noted[:] = [str(version.version)]
        RULES_INFO.labels(kind=KIND, version=noted[0]).set(1)
        return model

    return ActiveRules(KIND, compile_version)
