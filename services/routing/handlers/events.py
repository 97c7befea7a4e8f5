"""What routing publishes."""

from datetime import datetime
from typing import Final

from services.routing.domain.inbound import ScoredLead
from services.routing.ports import RoutedLead
from shared.contracts.events.routing import LeadRouted
from shared.contracts.topics import ROUTED
from shared.handling.outcomes import OutEvent, Stage
from shared.handling.records import Record

STAGE: Final = Stage("routing")
ASSIGNED: Final = "lead.assigned"  # names assignment ids; no event carries it


def routed(cause: Record, state: RoutedLead, *, time: str) -> OutEvent:
    """`lead.routed` with the state as it stands. The same cause gives the same event id."""
    data = (
        b'{"lead":%b,"lead_version":%d,"score":%b,"score_version":%d,"assignment":%b,"assignment_version":%d,"origin":%b}'
        % (
            state.lead,
            state.lead_version,
            state.score,
            state.score_version,
            state.assignment,
            state.assignment_version,
            state.origin,
        )
    )
    return STAGE.event(cause, LeadRouted.TYPE, topic=ROUTED, key=state.lead_id, data=data, time=time)


def assignment_id_for(cause: Record, lead_id: str) -> str:
    """The id of the assignment that `cause` leads to: the same on every redelivery."""
    return STAGE.event_id(cause, ASSIGNED, lead_id)


def new_state(
    event: ScoredLead, assignment: bytes, *, owner: str | None, queue: str | None, at: datetime
) -> RoutedLead:
    """The state of a lead that is assigned for the first time, `at` this instant. `assignment` is JSON."""
    return RoutedLead(
        event.lead_id,
        event.lead_version,
        event.lead,
        event.score_version,
        event.score,
        event.origin,
        assignment,
        1,
        owner,
        queue,
        at,
    )
