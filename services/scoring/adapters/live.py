"""Rules that are live: compiled once a version, noted in the metrics."""

from collections.abc import Callable
from typing import TypeVar

from shared.observability.metrics import RULES_INFO
from shared.persistence.rule_versions import ActiveRules, RuleVersion

Compiled = TypeVar("Compiled")


def live_rules(kind: str, compile_version: Callable[[RuleVersion], Compiled]) -> ActiveRules[Compiled]:
    """The active version of a kind, read in every batch's transaction."""
    noted: list[str] = []

    def compile_noted(version: RuleVersion) -> Compiled:
        compiled = compile_version(version)
        for earlier in noted:
            RULES_INFO.remove(kind, earlier)
        noted[:] = [str(version.version)]
        RULES_INFO.labels(kind=kind, version=noted[0]).set(1)
        return compiled

    return ActiveRules(kind, compile_noted)
