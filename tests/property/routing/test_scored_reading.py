"""Reading a scored lead in parts says what the contract says, and passes the parts on as they came."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.routing.domain.inbound import ScoredFields, ScoredLead
from tests.support.routing import scored

KEYS = ["lead", "lead_version", "score", "score_version", "origin", "scored_at", "", "é", ',"origin":{}}']
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.floats() | st.text(max_size=8) | st.sampled_from(KEYS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)
odd = st.dictionaries(st.sampled_from(KEYS), json_values, max_size=3)


def as_json(value: Any, *, spaced: bool) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 if spaced else 0)


def check(value: bytes) -> None:
    try:
        plain = ScoredFields.model_validate_json(value)
    except ValidationError:
        with pytest.raises(ValidationError):
            ScoredLead.model_validate_json(value)
        return
    read = ScoredLead.model_validate_json(value)
    assert (read.lead_id, read.lead_version) == (plain.lead["lead_id"], plain.lead_version)
    assert read.score_version == plain.score_version
    parts = [orjson.loads(part) for part in (read.lead, read.score, read.origin)]
    assert parts == [plain.lead, plain.score, plain.origin]


@settings(max_examples=300)
@given(odd, odd, odd, odd, st.integers(-1, 2**33), st.booleans(), st.booleans())
def test_what_is_read_is_what_the_contract_reads(
    extra: dict[str, Any],
    points: dict[str, Any],
    about: dict[str, Any],
    beside: dict[str, Any],
    version: int,
    spaced: bool,
    last: bool,
) -> None:
    data = scored(1, extra=extra, score_version=version)
    data["score"] |= points
    data["origin"] |= about
    check(as_json({**data, **beside} if last else {**beside, **data}, spaced=spaced))


@given(
    st.integers(0, 1200), st.sampled_from([b"", b"}", b"{", b'"', b",", b"\\", b"0", b"\xff", b'"score_version":2,'])
)
def test_a_damaged_record_is_read_as_the_contract_reads_it(place: int, put: bytes) -> None:
    whole = orjson.dumps(scored(1))
    check(whole[:place] + put + whole[place + 1 :])


def test_what_scoring_writes_is_passed_on_to_the_letter() -> None:
    lead = b'{"lead_id":"%b","extra":{"score":{},"n":1.50}}' % scored(1)["lead"]["lead_id"].encode()
    score = b'{"value":1,"grade":"A", "n":1.50,"scored_at":"2026-01-05T10:00:00Z"}'
    origin = b'{"received_at":"2026-01-05T09:59:59Z","n":2.50}'
    value = b'{"lead":%b,"lead_version":3,"score":%b,"score_version":12,"origin":%b}' % (lead, score, origin)
    read = ScoredLead.model_validate_json(value)
    assert (read.lead, read.score, read.origin) == (lead, score, origin)
    assert (read.lead_version, read.score_version) == (3, 12)
