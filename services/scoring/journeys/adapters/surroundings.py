"""What steps of a lead rest on: its facts, what it did since a run began, and when it was written to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from services.scoring.journeys.domain.counting import count_kind
from services.scoring.journeys.domain.running import Around, CompiledJourneys, Run
from services.scoring.segments.domain.membership import Known
from shared.contracts.lead_fields import STATE_OF_MOST, facts_of

GONE: Final = "lead_gone"


@dataclass(slots=True)
class LeadAround:
    """See ports.Surroundings. `sends` is one list for all runs of the lead, so that caps hold across them."""

    facts: Mapping[str, Any]
    known: Known | None
    sends: list[tuple[str, datetime]] = field(default_factory=list)
    members: Mapping[str, str] = field(default_factory=dict)

    def of(self, run: Run) -> Around:
        """See ports.Surroundings."""
        if self.known is None:
            return Around({GONE: True}, self.sends)
        done: dict[str, Any] = {}
        for happening in self.known.happenings:
            if happening.at >= run.entered_at:
                count_kind(done, happening.kind)
        return Around({**self.facts, "did": done}, self.sends)


def around_of(
    known: Known | None, members: Mapping[str, str], sends: list[tuple[str, datetime]], rules: CompiledJourneys
) -> LeadAround:
    """A lead as its tables know it; without a row it is gone."""
    if known is None:
        return LeadAround({}, None, sends, members)
    said = known.stated
    facts = {
        **STATE_OF_MOST,
        **facts_of(rules.see_lead(known.lead)),
        "score": orjson.loads(known.score),
        "interest": {} if said is None else {"class": said.interest, "reason": said.reason},
        "segments": list(members),
    }
    return LeadAround(facts, known, sends, members)
