"""Values of inbound records: what is read, what is refused, what a cheap look at them says."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.capture.domain.identity import IdentityKey, identity_keys
from services.capture.domain.payload import FORM_TYPE, JSON_TYPE
from services.capture.domain.reading import (
    MAX_BYTES,
    ROW_TYPE,
    Reading,
    fingerprint_of,
    judge_value,
    media_type,
    named_source,
    read_value,
)
from services.capture.domain.receipt import event_of, receipt_of
from services.capture.domain.refusal import Refused
from shared.contracts import ids

SECRET = b"a secret of the tests, long enough"


@pytest.mark.parametrize(
    ("value", "content_type", "damage", "code"),
    [
        (b"", JSON_TYPE, "", "invalid_json"),
        (b"", "", "", "invalid_json"),
        (b"[]", JSON_TYPE, "", "not_an_object"),
        (b"null", JSON_TYPE, "", "not_an_object"),
        (b'"x"', JSON_TYPE, "", "not_an_object"),
        (b'{"email": "a@b.com"', JSON_TYPE, "", "invalid_json"),
        (b'{"budget": NaN, "email": "a@b.com"}', JSON_TYPE, "", "invalid_json"),
        (b"[" * 100_000, JSON_TYPE, "", "too_deep"),
        (b'{"a":' * 40_000, JSON_TYPE, "", "too_deep"),
        (b'{"email": "a@b.com", "email": "c@d.com"}', JSON_TYPE, "", "duplicate_keys"),
        (b'{"email": "a\\u0000@b.com"}', JSON_TYPE, "", "invalid_characters"),
        (b'{"email": 7}', JSON_TYPE, "", "invalid_type"),
        (b'{"first_name": "Ann"}', JSON_TYPE, "", "no_identifier"),
        (b'{"email": "nobody"}', JSON_TYPE, "", "invalid_email"),
        (b'{"email": "a@b.com"}', "text/plain", "", "unsupported_content_type"),
        (b'{"email": "a@b.com"}', "application/json; charset=utf-16", "", "unsupported_content_type"),
        (b"\xff\xfe{", JSON_TYPE, "", "invalid_json"),
        (b"email=%ff%fe", FORM_TYPE, "", "invalid_form"),
        (b'{"email":"' + b"a" * MAX_BYTES + b'"}', JSON_TYPE, "", "too_large"),
        (b"a,b,c", ROW_TYPE, "wrong_field_count", "wrong_field_count"),
        (b"a,b,c", ROW_TYPE, "damaged_row", "damaged_row"),
        (b"a,b,c", ROW_TYPE, "made_up", "unsupported_content_type"),
        (b"a,b,c", ROW_TYPE, "", "unsupported_content_type"),
    ],
)
def test_refused_values_have_a_code_and_no_echo(value: bytes, content_type: str, damage: str, code: str) -> None:
    read = read_value(value, content_type, damage=damage)
    assert isinstance(read, Refused)
    assert read.code == code
    assert judge_value(value, content_type, source_name="web", damage=damage) == read


@pytest.mark.parametrize("content_type", ["", JSON_TYPE, "Application/JSON", 'application/json; charset="UTF-8"'])
def test_json_is_read_with_and_without_a_mark(content_type: str) -> None:
    for value in (b'{"email": "a@b.com"}', b'\xef\xbb\xbf{"email": "a@b.com"}'):
        read = read_value(value, content_type)
        assert isinstance(read, Reading)
        assert read.clean.emails == ("a@b.com",)


@pytest.mark.parametrize(
    ("body", "is_test"),
    [({"test": True}, True), ({"test": "true"}, False), ({"extra": {"test": True}}, False), ({}, False)],
)
def test_only_a_plain_true_at_the_top_makes_a_test(body: dict[str, object], is_test: bool) -> None:
    read = read_value(orjson.dumps({"email": "a@b.com", **body}), JSON_TYPE)
    assert isinstance(read, Reading)
    assert read.is_test is is_test


documents = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["a@b.com", " A@B.com ", "nobody", ""]),
        "emails": st.lists(st.sampled_from(["c@d.org", "x", ""]), max_size=3),
        "phone": st.sampled_from(["+1 415 555 0100", "call me", ""]),
        "external_id": st.sampled_from(["7", " ", ""]),
        "touch": st.just({"gclid": "Tx9"}),
        "first_name": st.text(max_size=10),
    },
)


@given(documents)
def test_the_cheap_look_agrees_with_the_whole_reading(document: dict[str, object]) -> None:
    value = orjson.dumps(document)
    read, judged = read_value(value, JSON_TYPE), judge_value(value, JSON_TYPE, source_name="web")
    if isinstance(read, Refused):
        assert judged == read
    else:
        assert judged == next(iter(identity_keys(read.clean, source_name="web")), None)


@given(st.binary(max_size=200), st.sampled_from(["", JSON_TYPE, FORM_TYPE, "text/csv", "\x00", "a;b=c;charset="]))
def test_no_bytes_raise(value: bytes, content_type: str) -> None:
    assert isinstance(read_value(value, content_type), Reading | Refused)
    assert isinstance(judge_value(value, content_type, source_name="web"), IdentityKey | Refused | None)
    named_source(value, content_type)


def test_media_types() -> None:
    assert media_type("Application/JSON ; Charset=UTF-8") == "application/json"
    assert media_type("application/json;charset=latin-1") is None
    assert media_type("") == ""


def test_fingerprints_are_63_bits_and_never_zero() -> None:
    found = {fingerprint_of(str(n).encode()) for n in range(1000)}
    assert len(found) == 1000
    assert all(0 < one < 2**63 for one in found)


def test_a_receipt_leads_back_to_its_event_and_cannot_be_guessed() -> None:
    event_id = ids.root_event_id("web", "order-7")
    receipt = receipt_of(event_id, secret=SECRET)
    assert len(receipt) == 48
    assert event_of(receipt, secret=SECRET) == event_id
    assert event_of(receipt, secret=b"another secret, as long as it") is None
    for place in (0, 20, 33, 47):
        forged = receipt[:place] + ("0" if receipt[place] != "0" else "1") + receipt[place + 1 :]
        assert event_of(forged, secret=SECRET) is None
    for other in ("", "x", receipt[:-1], receipt + "0", event_id, "ü" * 48, receipt.upper()):
        assert event_of(other, secret=SECRET) is None
