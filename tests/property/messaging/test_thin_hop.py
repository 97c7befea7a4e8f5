"""The thin hop of the benchmark passes on what the plain one does: cut bytes parse to the same as the model's dump."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.benchmark.leads import CapturedLead, captured_events, scored_bytes
from tests.benchmark.variants.chassis_thin import ThinCapture, thin_scored_bytes

names: st.SearchStrategy[str] = st.sampled_from(["lead", "lead_version", "origin", '","lead_version":', "x"]) | st.text(
    max_size=4
)
json: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
leads = st.dictionaries(names, json, max_size=4).map(
    lambda extra: {"lead_id": LEAD, "extra": extra, "message": ',"lead":'}
)
LEAD = "0f0e8f4e-9f0c-5a44-8f6f-6f1f4f6f9a01"


@given(leads, st.integers(1, 9), st.dictionaries(names, json, max_size=3), st.booleans())
def test_the_cut_event_means_the_same(lead: object, version: int, origin: object, spaced: bool) -> None:
    event = {"outcome": "new", "lead": lead, "lead_version": version, "origin": origin}
    value = orjson.dumps(event, option=orjson.OPT_INDENT_2 if spaced else None)
    plain, thin = CapturedLead.model_validate_json(value), ThinCapture.model_validate_json(value)
    assert thin.lead == plain.lead
    assert orjson.loads(thin_scored_bytes(thin)) == orjson.loads(scored_bytes(plain))


def test_the_benchmarks_own_leads_are_cut() -> None:
    for _, value, _ in captured_events(50):
        thin = ThinCapture.model_validate_json(value)
        assert thin.lead_json in value and thin.origin_json in value
        assert orjson.loads(thin_scored_bytes(thin)) == orjson.loads(
            scored_bytes(CapturedLead.model_validate_json(value))
        )


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"[]", b'{"outcome":"new","lead":{},"lead_version":"x","origin":{}}', b"{,"]
)
def test_what_is_no_event_is_refused(value: bytes) -> None:
    with pytest.raises(ValidationError):
        ThinCapture.model_validate_json(value)
