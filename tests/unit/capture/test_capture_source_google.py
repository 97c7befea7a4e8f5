"""Google Ads lead forms: key, test leads, columns to fields, redelivery ids."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from services.capture.domain.hygiene import CleanSubmission
from services.capture.domain.reading import Reading, read_documents
from services.capture.domain.refusal import Refused
from services.capture.sources.google import Google
from tests.support.sources import AT, SECRETS, asked, source_of

GOOGLE = Google()
ROTATING = """
kind: google
secrets:
  - {env: OLD_KEY, not_after: 2026-03-01T13:00:00Z}
  - {env: KEY, not_before: 2026-03-01T11:00:00Z}
"""


def payload(**more: Any) -> dict[str, Any]:
    return {
        "lead_id": "lead-1",
        "user_column_data": [
            {"column_name": "Full Name", "string_value": "Ann Lee", "column_id": "FULL_NAME"},
            {"column_name": "Work Email", "string_value": "ann@northwind.example", "column_id": "WORK_EMAIL"},
            {"column_name": "User Phone", "string_value": "+14155552671", "column_id": "PHONE_NUMBER"},
            {"string_value": "Northwind", "column_id": "COMPANY_NAME"},
            {"string_value": "CEO", "column_id": "JOB_TITLE"},
            {"string_value": "94105", "column_id": "POSTAL_CODE"},
            {"column_name": "Budget?", "string_value": "more than 10k", "column_id": "what_is_your_budget"},
        ],
        "api_version": "1.0",
        "form_id": 52083961646,
        "campaign_id": 10000000000,
        "google_key": SECRETS["KEY"],
        "gcl_id": "Tx9-CaseMatters",
        "lead_submit_time": "2026-02-28T12:30:00Z",
        "something_new": {"of": "Google's"},
        **more,
    }


def body(**more: Any) -> bytes:
    return orjson.dumps(payload(**more))


def read(raw: bytes) -> CleanSubmission:
    document = GOOGLE.read(raw, "application/json", source_of(ROTATING))
    (reading,) = read_documents([document])
    assert isinstance(reading, Reading), reading
    return reading.clean


def test_a_lead_has_its_columns_where_they_belong_and_the_rest_in_extra() -> None:
    clean = read(body())
    assert (clean.first_name, clean.last_name, clean.external_id) == ("Ann", "Lee", "lead-1")
    assert clean.emails == ("ann@northwind.example",)
    assert clean.phones == ("+14155552671",)
    assert clean.click_ids == (("gclid", "Tx9-CaseMatters"),)
    facts = clean.facts
    assert facts["f"]["title"] == "CEO"
    assert facts["f"]["company.name"][0] == "Northwind"
    assert facts["f"]["address"]["postal_code"] == "94105"
    assert facts["o"]["source"][:2] == ["search", "paid"]
    extra = facts["x"]
    assert extra["what_is_your_budget"] == "more than 10k"
    assert (extra["form_id"], extra["campaign_id"], extra["mapping"]) == (52083961646, 10000000000, "google@1")
    assert SECRETS["KEY"] not in str(facts)


@pytest.mark.parametrize(
    ("key", "minutes", "believed"),
    [
        (SECRETS["KEY"], 0, True),
        (SECRETS["OLD_KEY"], 0, True),  # both count during a rotation
        (SECRETS["OLD_KEY"], 61, False),
        (SECRETS["KEY"], -61, False),
        (SECRETS["KEY"] + "x", 0, False),
        ("", 0, False),
        ("ключ", 0, False),
        (123456, 0, False),
        (None, 0, False),
    ],
)
def test_only_a_key_that_counts_now_is_believed(key: Any, minutes: int, believed: bool) -> None:
    request = asked(body(google_key=key), at=AT + timedelta(minutes=minutes))
    assert (GOOGLE.verify(request, source_of(ROTATING)) is None) is believed


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"google_key": "\\ud800"}', b"\xff"])
def test_what_cannot_be_read_is_not_believed(raw: bytes) -> None:
    assert GOOGLE.verify(asked(raw), source_of(ROTATING)) is not None
    assert isinstance(GOOGLE.read(raw, "application/json", None), Refused) or raw.startswith(b'{"google_key"')


def test_the_id_of_the_lead_is_the_id_of_the_event() -> None:
    (element,) = GOOGLE.split(asked(body()), source_of(ROTATING))
    assert (element.ce_id, element.is_test, element.occurred_at) == ("lead-1", False, "2026-02-28T12:30:00Z")
    assert element.raw == body()
    (numbered,) = GOOGLE.split(asked(body(lead_id=12)), source_of(ROTATING))
    assert numbered.ce_id == "12"


@pytest.mark.parametrize("more", [{"is_test": True}, {"lead_id": "TeSter-123-ABC"}])
def test_tests_are_tests(more: dict[str, Any]) -> None:
    (element,) = GOOGLE.split(asked(body(**more)), source_of(ROTATING))
    document = GOOGLE.read(element.raw, "application/json", None)
    assert element.is_test
    assert not isinstance(document, Refused) and document["test"] is True


def test_a_mapping_of_the_file_overrules_and_is_named() -> None:
    mappings = "mappings:\n  ours: {version: 3, fields: {what_is_your_budget: message}, constants: {products: crm}}\n"
    source = source_of(f"{ROTATING}mapping: ours\nlead_source: bing ads\ncampaign: spring", mappings)
    document = GOOGLE.read(body(), "application/json", source)
    assert not isinstance(document, Refused)
    assert (document["message"], document["products"], document["campaign"]) == ("more than 10k", ["crm"], "spring")
    assert document["source"] == "bing ads"
    assert document["extra"]["mapping"].startswith("ours@3:")
