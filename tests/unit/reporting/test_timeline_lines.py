"""The timeline says of each event of a lead what happened."""

import pytest

from services.reporting.cli.leads import _said
from shared.contracts.topics import CAPTURED, CHANGED, CONVERTED, JOURNEYS, LEAD_EVENTS, MERGED, ROUTED, SCORED
from tests.contract.goldens import Golden, all_goldens

OF_LEADS = {CAPTURED, SCORED, ROUTED, CONVERTED, CHANGED, MERGED, LEAD_EVENTS, JOURNEYS}


@pytest.mark.parametrize("golden", [g for g in all_goldens() if g.topic in OF_LEADS], ids=lambda golden: golden.name)
def test_every_event_of_a_lead_is_put_into_words(golden: Golden) -> None:
    assert _said(golden.event_type, golden.value).strip(" :,")


def test_a_journeys_step_is_named_with_what_was_done() -> None:
    said = {"journey": "nurture", "step": "gift", "action": "offered", "code": "ABCD-EFGH-JKLM-NPQR"}
    assert _said("journey.advanced", said) == "nurture: gift offered"
    assert _said("segment.exited", {"segment": "nurture", "reason": "conditions"}) == "nurture conditions"
