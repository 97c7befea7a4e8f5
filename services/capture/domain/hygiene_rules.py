"""The rules of the nightly look at leads: a file, checked like every other."""

from collections.abc import Iterable
from datetime import time
from typing import Annotated, Literal

from pydantic import Field

from services.capture.domain.freshness import FACTS, FIELDS, Fill, Hygiene
from shared.rules import RuleFault, RuleSetHeader, Text, load_rule_document

_Days = Annotated[int, Field(ge=1, le=3650)]


class HygieneRules(RuleSetHeader):
    """When leads are looked at, what is stale when, and whether a verifier may replace what is known."""

    kind: Literal["hygiene"]
    enabled: bool = True
    at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "02:30"
    check_every_days: _Days = 90
    stale_after_days: dict[Text, _Days] = {}
    fill: dict[Text, Fill] = {}

    def find_faults(self) -> Iterable[RuleFault]:
        """See RuleSetHeader."""
        for part, known in (("stale_after_days", FIELDS), ("fill", FACTS)):
            for name in getattr(self, part):
                if name not in known:
                    yield RuleFault((part, name), f"one of {', '.join(known)}", None, "another field", at_key=True)

    def hygiene(self) -> Hygiene:
        """What the file says, ready for use."""
        hour, minute = self.at.split(":")
        at = time(int(hour), int(minute))
        return Hygiene(self.enabled, at, self.check_every_days, self.stale_after_days, self.fill)


def load_hygiene(text: str | bytes, *, file: str) -> Hygiene:
    """What a file says. Raises RuleFileError with file, line, column and what was expected."""
    return load_rule_document(text, HygieneRules, file=file).model.hygiene()
