"""What routing reads (only the parts that it uses) and what it publishes."""

from datetime import datetime
from typing import Any, ClassVar, Final

import orjson

from services.routing.domain.assignment import Assignment
from services.routing.ports import RoutedLead
from shared.contracts.base import Contract
from shared.contracts.events.routing import LeadRouted
from shared.contracts.thin import LeadJson, Version
from shared.contracts.topics import ROUTED
from shared.handling.outcomes import OutEvent, Stage
from shared.handling.records import Record

STAGE: Final = Stage("routing")
ASSIGNED: Final = "lead.assigned"  # names assignment ids; no event carries it


class ScoredLead(Contract):
    """`lead.scored` as far as routing looks into it; the rest is passed on unread."""

    TYPE: ClassVar[str] = "lead.scored"

    lead: LeadJson
    lead_version: Version
    score: dict[str, Any]
    score_version: Version
    origin: dict[str, Any]

    @property
    def lead_id(self) -> str:
        """The lead's id."""
        return str(self.lead["lead_id"])


def json_text(value: Any) -> str:
    """A value as the JSON text that is stored and published."""
    return orjson.dumps(value).decode()


def routed(cause: Record, state: RoutedLead, *, time: str) -> OutEvent:
    """`lead.routed` with the state as it stands. The same cause gives the same event id."""
    data = orjson.dumps(
        {
            "lead": orjson.Fragment(state.lead),
            "lead_version": state.lead_version,
            "score": orjson.Fragment(state.score),
            "score_version": state.score_version,
            "assignment": orjson.Fragment(state.assignment),
            "assignment_version": state.assignment_version,
            "origin": orjson.Fragment(state.origin),
        }
    )
    return STAGE.event(cause, LeadRouted.TYPE, topic=ROUTED, key=state.lead_id, data=data, time=time)


def assignment_id_for(cause: Record, lead_id: str) -> str:
    """The id of the assignment that `cause` leads to: the same on every redelivery."""
    return STAGE.event_id(cause, ASSIGNED, lead_id)


def new_state(event: ScoredLead, assignment: Assignment, *, at: datetime) -> RoutedLead:
    """The state of a lead that is assigned for the first time, `at` this instant."""
    return RoutedLead(
        event.lead_id,
        event.lead_version,
        json_text(event.lead),
        event.score_version,
        json_text(event.score),
        json_text(event.origin),
        json_text(assignment),
        1,
        assignment.owner,
        assignment.queue,
        at,
    )
