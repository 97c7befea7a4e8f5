"""The live segment rules: compiled once a version, noted in the metrics."""

from services.scoring.adapters.live import live_rules
from services.scoring.segments.domain.membership import CompiledSegments, compile_segments
from services.scoring.segments.domain.model import KIND, load_segment_rules
from shared.persistence.rule_versions import ActiveRules


def active_segments() -> ActiveRules[CompiledSegments]:
    """The active version, read in every batch's transaction."""
    return live_rules(
        KIND, lambda version: compile_segments(load_segment_rules(version.document), version=version.version)
    )
