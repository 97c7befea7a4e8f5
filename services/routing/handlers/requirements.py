"""By which of its records a lead is assigned where things are required of leads."""

from collections.abc import Mapping, Sequence

from services.routing.domain.assignment import find_match, is_waiting, rule_of
from services.routing.domain.rules import AssignmentPolicy
from services.routing.ports import RoutedLead
from shared.handling.outcomes import InHand


def pick_complete(
    new: Sequence[InHand], items: Sequence[InHand], policy: AssignmentPolicy, states: Mapping[str, RoutedLead]
) -> list[InHand]:
    """The first record of each lead, among its own of this batch, that has all that is required: after the batch nothing
    would release it. Without such a record the one that was given; none where the lead lacks the same as before and
    stays where it is. Nothing is required of targets."""
    wanted = {item.event.lead_id: item for item in new if not item.event.is_target}
    complete: dict[str, InHand] = {}
    reached: set[str] = set()
    for item in items:
        lead_id = item.event.lead_id
        first = wanted.get(lead_id)
        if first is item:
            reached.add(lead_id)
        if lead_id not in reached or lead_id in complete or item.decision is not None or item.event.is_target:
            continue
        if first is not None and _is_as_new(item, first) and _lacks(item, policy) is None:
            complete[lead_id] = item
    picked = (complete.get(item.event.lead_id, item) for item in new)
    return [item for item in picked if item.event.is_target or not _stays(item, policy, states)]


def _is_as_new(item: InHand, first: InHand) -> bool:
    event, other = item.event, first.event
    return bool(event.lead_version >= other.lead_version and event.score_version >= other.score_version)


def _stays(item: InHand, policy: AssignmentPolicy, states: Mapping[str, RoutedLead]) -> bool:
    state = states.get(item.event.lead_id)
    if state is None or not is_waiting(state.assignment):
        return False
    return _lacks(item, policy) == rule_of(state.assignment)


def _lacks(item: InHand, policy: AssignmentPolicy) -> str | None:
    match = find_match(policy.see(item.event.lead, item.event.score), policy)
    return match.requirement.id if match.requirement is not None else None
