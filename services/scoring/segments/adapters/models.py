"""The live segment rules: compiled once a version, noted in the metrics."""

from services.scoring.segments.domain.membership import CompiledSegments, compile_segments
from services.scoring.segments.domain.model import KIND, load_segment_rules
from shared.observability.metrics import RULES_INFO
from shared.persistence.rule_versions import ActiveRules, RuleVersion


def active_segments() -> ActiveRules[CompiledSegments]:
    """The active version, read in every batch's transaction."""
    noted: list[str] = []

    def compile_version(version: RuleVersion) -> CompiledSegments:
        rules = compile_segments(load_segment_rules(version.document), version=version.version)
        for earlier in noted:
            RULES_INFO.remove(KIND, earlier)
        noted[:] = [str(version.version)]
        RULES_INFO.labels(kind=KIND, version=noted[0]).set(1)
        return rules

    return ActiveRules(KIND, compile_version)
