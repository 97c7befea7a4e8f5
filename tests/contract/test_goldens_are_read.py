"""What consumers read of each other's events takes every record that was ever released, not just what is published today."""

from typing import Any, Final

import orjson
import pytest

from services.routing.domain.inbound import ScoredLead
from services.scoring.domain.behaved import BehavedLead, CorrectedBehaviour
from services.scoring.domain.inbound import CapturedLead, ChangedLead
from shared.contracts.thin import AnyUnmerge, ErasedLeads, MergedLead
from tests.contract.goldens import Golden, all_goldens

READERS: Final[dict[str, Any]] = {
    "behaviour.corrected": CorrectedBehaviour,
    "lead.behaved": BehavedLead,
    "lead.captured": CapturedLead,
    "lead.changed": ChangedLead,
    "lead.erased": ErasedLeads,
    "lead.merged": MergedLead,
    "lead.scored": ScoredLead,
    "lead.unmerged": AnyUnmerge,
}
GOLDENS: Final = [golden for golden in all_goldens() if golden.event_type in READERS]


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)
def test_a_released_record_is_read(golden: Golden) -> None:
    assert READERS[golden.event_type].model_validate_json(orjson.dumps(golden.value)) is not None


def test_there_are_records_of_every_type_that_is_read() -> None:
    assert {golden.event_type for golden in GOLDENS} == READERS.keys()
