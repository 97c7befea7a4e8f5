"""The bytes that routing publishes are the contract's, field by field, and nothing is lost or made up."""

from typing import Any

import orjson
import pytest

from services.routing.domain import assignment as domain
from services.routing.domain.inbound import ScoredFields, ScoredLead
from services.routing.domain.roster import Member, Roster
from services.routing.handlers.events import new_state, routed
from services.routing.handlers.merging import merged_state
from services.routing.ports import RoutedLead
from services.routing.seed import RULES_FILE
from shared.contracts.events.capture import LeadMerged
from shared.contracts.events.lead import Lead, Origin
from shared.contracts.events.routing import Assignment, LeadRouted
from shared.contracts.events.scoring import LeadScored, Score
from shared.contracts.thin import MergedLead
from tests.support.routing import NOW, Feed, lead_id, merged, policy, scored

ROSTER = Roster.of([Member("ann", True, ("sales",)), Member("ben", False, ("sales",))])


def first_state(event: ScoredLead, made: domain.Assignment) -> RoutedLead:
    return new_state(event, orjson.dumps(made), owner=made.owner, queue=made.queue, at=NOW)


def published(data: dict[str, Any]) -> bytes:
    """What goes out for the first record of a lead."""
    event = ScoredLead.model_validate_json(orjson.dumps(data))
    rules = policy(RULES_FILE.read_text())
    facts = rules.see(event.lead, event.score)
    assignment, _ = domain.choose_assignment(
        facts, rules, ROSTER, {}, now="2026-03-01T12:00:00Z", assignment_id=lead_id("a")
    )
    record = Feed().scored(1)
    return routed(record, first_state(event, assignment), time="2026-03-01T12:00:00Z").data


@pytest.mark.parametrize("grade", ["A", "B", "C", "D"])
def test_a_routed_lead_is_what_the_contract_says(grade: str) -> None:
    data = scored(1, grade=grade)
    data["lead"] = Lead.model_validate({**data["lead"], "address": {}}).model_dump(mode="json")
    LeadScored.model_validate_json(orjson.dumps(data), strict=True)
    raw = published(data)
    read = LeadRouted.model_validate_json(raw, strict=True)
    assert orjson.loads(read.model_dump_json(exclude_unset=True)) == orjson.loads(raw)
    assert set(orjson.loads(raw)) == set(LeadRouted.model_fields)
    assert set(orjson.loads(raw)["assignment"]) == set(Assignment.model_fields) - {"work"}
    assert (read.assignment.owner is None) != (read.assignment.queue is None)


def test_parts_pass_through_as_they_came_also_what_a_later_version_added() -> None:
    data = scored(1, later={"field": [1, None, "x"]})
    data["score"]["later"] = 1.5
    raw = orjson.loads(published(data))
    assert (raw["lead"], raw["score"], raw["origin"]) == (data["lead"], data["score"], data["origin"])


def test_what_a_merge_hands_over_is_what_the_contract_says() -> None:
    data = merged("w", "l")
    data["lead"] = Lead.model_validate({**data["lead"], "address": {}}).model_dump(mode="json")
    LeadMerged.model_validate_json(orjson.dumps(data), strict=True)
    before = scored("l")
    before["lead"] = Lead.model_validate({**before["lead"], "address": {}}).model_dump(mode="json")
    event = ScoredLead.model_validate_json(orjson.dumps(before))
    assignment, _ = domain.choose_assignment(
        before, policy(RULES_FILE.read_text()), ROSTER, {}, now="2026-03-01T12:00:00Z", assignment_id=lead_id("a")
    )
    taken = merged_state(MergedLead.model_validate(data), lead_id("w"), None, first_state(event, assignment))
    assert taken is not None
    raw = routed(Feed().merged("w", "l"), taken, time="2026-03-01T12:00:00Z").data
    assert LeadRouted.model_validate_json(raw, strict=True).lead.lead_id == lead_id("w")


def test_the_thin_models_read_parts_of_the_full_ones() -> None:
    assert set(ScoredFields.model_fields) == set(LeadScored.model_fields)
    assert set(MergedLead.model_fields) <= set(LeadMerged.model_fields)
    assert {Lead, Score, Origin} <= {field.annotation for field in LeadRouted.model_fields.values()}
