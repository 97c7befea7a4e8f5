"""Reading a captured lead in parts says what the contract says, and passes the parts on as they came."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.scoring.domain.inbound import CapturedFields, CapturedLead
from tests.support.scoring import captured, lead, origin

KEYS = ["lead", "lead_version", "origin", "outcome", "matched_by", "", "é", '","lead_version":1,"origin":{}}']
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
        plain = CapturedFields.model_validate_json(value)
    except ValidationError:
        with pytest.raises(ValidationError):
            CapturedLead.model_validate_json(value)
        return
    read = CapturedLead.model_validate_json(value)
    assert (read.lead_id, read.lead_version) == (plain.lead["lead_id"], plain.lead_version)
    assert (orjson.loads(read.lead), orjson.loads(read.origin)) == (plain.lead, plain.origin)


@settings(max_examples=300)
@given(odd, odd, odd, st.integers(-1, 2**33), st.booleans(), st.booleans())
def test_what_is_read_is_what_the_contract_reads(
    extra: dict[str, Any], about: dict[str, Any], beside: dict[str, Any], version: int, spaced: bool, last: bool
) -> None:
    data = {"outcome": "new", "matched_by": None, "lead": lead(1, extra=extra), "lead_version": version}
    data |= {"origin": {**origin(1), **about}}
    check(as_json({**data, **beside} if last else {**beside, **data}, spaced=spaced))


@given(st.integers(0, 2000), st.sampled_from([b"", b"}", b"{", b'"', b",", b"\\", b"\xff", b'"lead_version":2,']))
def test_a_damaged_record_is_read_as_the_contract_reads_it(place: int, put: bytes) -> None:
    whole = captured(1)
    check(whole[:place] + put + whole[place + 1 :])


def test_what_capture_writes_is_passed_on_to_the_letter() -> None:
    inner = b'{"lead_id":"%b","extra":{"lead_version":1,"n":1.50}}' % lead(1)["lead_id"].encode()
    about = b'{"received_at":"2026-01-05T09:59:59Z", "n":2.50}'
    value = b'{"outcome":"new","matched_by":null,"lead":%b,"lead_version":3,"origin":%b}' % (inner, about)
    read = CapturedLead.model_validate_json(value)
    assert (read.lead, read.lead_version, read.origin) == (inner, 3, about)
