"""Survivorship as a file of one's own: a policy for some fields, and whom to trust."""

from collections.abc import Iterable
from typing import Literal

from services.capture.domain.survivorship import FIELDS, Policy, Survivorship
from shared.rules import RuleFault, RuleSetHeader, Text, load_rule_document


class SurvivorshipRules(RuleSetHeader):
    """Fields with their policy; those that are not named keep their default. `trusted_sources`: the most trusted first."""

    kind: Literal["survivorship"]
    trusted_sources: tuple[Text, ...] = ()
    fields: dict[Text, Policy] = {}

    def find_faults(self) -> Iterable[RuleFault]:
        """See RuleSetHeader."""
        for place, source in enumerate(self.trusted_sources):
            if source in self.trusted_sources[:place]:
                yield RuleFault(("trusted_sources", place), "each source once", None, "one that is listed above")
        for name, policy in self.fields.items():
            yield from self._faults_of(name, policy)

    def _faults_of(self, name: str, policy: Policy) -> Iterable[RuleFault]:
        path = ("fields", name)
        if name not in FIELDS:
            yield RuleFault(path, f"one of {', '.join(FIELDS)}", None, "another field", at_key=True)
        elif policy not in FIELDS[name]:
            yield RuleFault(path, f"for {name}: {' or '.join(FIELDS[name])}", None, policy)
        elif policy == "most_trusted" and not self.trusted_sources:
            yield RuleFault(path, "trusted_sources beside most_trusted", "nobody would be trusted", "none")

    def survivorship(self) -> Survivorship:
        """What the file says, ready for use."""
        return Survivorship(self.fields, self.trusted_sources)


def load_survivorship(text: str | bytes, *, file: str) -> Survivorship:
    """The survivorship of a file. Raises RuleFileError with file, line, column and what was expected."""
    return load_rule_document(text, SurvivorshipRules, file=file).model.survivorship()
