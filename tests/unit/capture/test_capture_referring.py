"""By which address a referrer is looked up, and what a submission says once somebody is found."""

from typing import Any

import orjson
import pytest

from services.capture.domain.hygiene import CleanSubmission, read_submission
from services.capture.domain.identity import IdentityKey
from services.capture.domain.referring import address_of_referrer, with_referrer


def clean(**fields: Any) -> CleanSubmission:
    found = read_submission(orjson.dumps({"email": "kim@example.com", "campaign": "spring", **fields}))
    assert isinstance(found, CleanSubmission)
    return found


def test_an_address_is_looked_up_as_identities_are() -> None:
    assert address_of_referrer(clean(referrer_ref=" Lee@Example.COM ")) == IdentityKey("email", "lee@example.com")


@pytest.mark.parametrize("told", [None, "lead:7", "a friend", "kim@example.com", "info@example.com"])
def test_nothing_is_looked_up_where_no_one_is_named_by_an_address_of_their_own(told: str | None) -> None:
    assert address_of_referrer(clean(referrer_ref=told)) is None


def test_one_lead_is_named_and_everything_else_stays() -> None:
    before = clean(referrer_ref="lee@example.com")
    after = with_referrer(before, ["L1"])
    assert after.facts["o"] == {**before.facts["o"], "referrer_ref": "lead:L1"}
    assert before.facts["o"]["referrer_ref"] == "email:lee@example.com"
    assert {**after.facts, "o": None} == {**before.facts, "o": None}


@pytest.mark.parametrize("lead_ids", [[], ["L1", "L2"]])
def test_none_or_several_leave_it_as_it_came(lead_ids: list[str]) -> None:
    before = clean(referrer_ref="lee@example.com")
    assert with_referrer(before, lead_ids) is before
