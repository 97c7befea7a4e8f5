"""What sources send wrongly, row by row: the code, the field, and never the value."""

import json
from typing import Any

import pytest

from services.capture.domain.facts import facts_of, stamp_of
from services.capture.domain.hygiene import CleanSubmission, read_submission
from services.capture.domain.payload import FORM_TYPE
from services.capture.domain.refusal import DETAILS, MALFORMED, Refused
from services.capture.domain.submission import Money, parse_submission
from services.capture.domain.view import lead_view
from tests.unit.capture.samples import RECEIVED, lead


def refused(raw: bytes | dict[str, Any]) -> tuple[str, str | None]:
    found = read_submission(raw if isinstance(raw, bytes) else json.dumps(raw).encode())
    assert isinstance(found, Refused), found
    assert found.detail == DETAILS[found.code]
    return found.code, found.field


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "invalid_json"),
        (b" ", "invalid_json"),
        (b"[]", "not_an_object"),
        (b"null", "not_an_object"),
        (b'"x"', "not_an_object"),
        (b"1", "not_an_object"),
        (b'{"email":"a@b.co"', "invalid_json"),
        (b'{"email":"a@b.co"}}', "invalid_json"),
        (b'{"email":"a@b.co",}', "invalid_json"),
        (b"{'email':'a@b.co'}", "invalid_json"),
        (b'{"email" "a@b.co"}', "invalid_json"),
        (b'{email:"a@b.co"}', "invalid_json"),
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":Infinity}', "invalid_json"),
        (b'{"a":-Infinity}', "invalid_json"),
        (b'{"a":1e400}', "invalid_json"),
        (b'{"a":-1e309}', "invalid_json"),
        (b'{"a":0x10}', "invalid_json"),
        (b'{"a":1,5}', "invalid_json"),
        (b'{"a":01}', "invalid_json"),
        (b'{"a":+1}', "invalid_json"),
        (b'{"a":.5}', "invalid_json"),
        (b'{"a":tru}', "invalid_json"),
        (b'{"a":"\t"}', "invalid_json"),
        (b'{"a":"\\x00"}', "invalid_json"),
        (b'{"a":"\\u00A"}', "invalid_json"),
        (b'{"a":"\xff"}', "invalid_json"),
        (b'{"a":"\xed\xa0\x80"}', "invalid_json"),
        ('{"email":"a@b.co"}'.encode("utf-16"), "invalid_json"),
        (b'\xef\xbb\xbf\xef\xbb\xbf{"a":1}', "invalid_json"),
        (b"/* x */ {}", "invalid_json"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
        (b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", "too_deep"),
        (b'{"email":"a@b.co","email":"c@d.co"}', "duplicate_keys"),
        (b'{"email" :"a@b.co","x":{"a":1,"\\u0061":2}}', "duplicate_keys"),
        (json.dumps({"email": "a@b.co", "x" * 129: 1}).encode(), "key_too_long"),
        (json.dumps({"email": "a@b.co", **{f"k{n}": n for n in range(200)}}).encode(), "too_many_fields"),
        (b'{"email":"a@b.co","message":"\\u0000"}', "invalid_characters"),
        (b'{"email":"a@b.co","message":"\\ud800"}', "invalid_characters"),
        (b'{"email":"a@b.co","message":"\\udc00\\ud800"}', "invalid_characters"),
        (b'{"email":"a@b.co","message":"\\u001b[0m"}', "invalid_characters"),
        (b'{"email":"a@b.co","message":"\\b"}', "invalid_characters"),
        (b'{"email":"a@b.co","x\\u0000":1}', "invalid_characters"),
    ],
)
def test_damaged_bodies(raw: bytes, code: str) -> None:
    assert refused(raw)[0] == code
    assert (code in MALFORMED) == (code != "invalid_characters")


@pytest.mark.parametrize(
    "raw",
    [
        b'\xef\xbb\xbf{"email":"a@b.co"}',
        b'{"email":"a@b.co","x":' + b"[" * 31 + b"]" * 31 + b"}",
        b'{"email":"a@b.co","message":"line\\nnext\\ttab\\r\\n"}',
        b'{"email":"a@b.co","message":"\\": \\":"}',
        b'{"email":"a@b.co","message":": b"}',
        b'{"email":"a@b.co","n":123456789012345678901234567890}',
        b'{"email":"a@b.co","n":-0,"m":1e-400}',
        b'{"email":"a@b.co","message":"\\ud83d\\ude00"}',
        json.dumps({"email": "a@b.co", "x" * 128: 1}).encode(),
        json.dumps({"email": "a@b.co", **{f"k{n}": n for n in range(199)}}).encode(),
    ],
)
def test_odd_but_valid_bodies(raw: bytes) -> None:
    assert isinstance(read_submission(raw), CleanSubmission)


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"first_name": True}, "invalid_type", "first_name"),
        ({"first_name": 5}, "invalid_type", "first_name"),
        ({"phone": 4155550100}, "invalid_type", "phone"),
        ({"emails": ["a@b.co", 7]}, "invalid_type", "emails.1"),
        ({"email": {"a": 1}}, "invalid_type", "email"),
        ({"company": []}, "invalid_type", "company"),
        ({"company": {"employees": "250"}}, "invalid_type", "company.employees"),
        ({"company": {"employees": 250.5}}, "invalid_type", "company.employees"),
        ({"company": {"employees": True}}, "invalid_type", "company.employees"),
        ({"company": {"employees": -1}}, "invalid_value", "company.employees"),
        ({"company": {"employees": 10**18}}, "invalid_value", "company.employees"),
        ({"company": {"employees": 10**30}}, "invalid_type", "company.employees"),
        ({"company": {"annual_revenue": "1,5 USD"}}, "invalid_money", "company.annual_revenue"),
        ({"company": {"annual_revenue": "0x10"}}, "invalid_money", "company.annual_revenue"),
        ({"budget": "1e309"}, "invalid_money", "budget"),
        ({"budget": "-5 USD"}, "invalid_money", "budget"),
        ({"budget": -5}, "invalid_money", "budget"),
        ({"budget": "\u0665 USD"}, "invalid_money", "budget"),
        ({"budget": "EUR 5 USD"}, "invalid_money", "budget"),
        ({"budget": True}, "invalid_type", "budget"),
        ({"consent": {"marketing_email": "yes"}}, "invalid_type", "consent.marketing_email"),
        ({"extra": [1]}, "invalid_type", "extra"),
        ({"touch": {"gclid": 5}}, "invalid_type", "touch.gclid"),
        ({"first_name": "x" * 10_240}, "too_long", "first_name"),
        ({"message": "x" * 20_001}, "too_long", "message"),
        ({"products": ["a"] * 101}, "too_many_items", "products"),
    ],
)
def test_wrong_fields(fields: dict[str, Any], code: str, field: str) -> None:
    assert refused({"external_id": "1", **fields}) == (code, field)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"email": ""},
        {"email": " \u200b", "phone": None},
        {"touch": {"gclid": "x"}},
        {"external_id": " "},
        {"name": "A"},
    ],
)
def test_nobody(fields: dict[str, Any]) -> None:
    assert refused(fields) == ("no_identifier", None)


def test_an_invalid_address_refuses_only_when_nothing_else_identifies() -> None:
    assert refused({"email": "no address"}) == ("invalid_email", "email")
    kept = lead({"email": "no address", "phone": "+1 415 555 0100"})
    assert (kept["email"], kept["warnings"], kept["raw"]["emails"]) == (None, ["email_invalid"], ["no address"])


def test_an_unreadable_phone_is_kept_and_flagged() -> None:
    kept = lead({"phone": "ask for Ann"})
    assert (kept["phone"], kept["warnings"], kept["raw"]["phones"]) == (None, ["phone_unparseable"], ["ask for Ann"])


@pytest.mark.parametrize(
    "name", ["O'Brien", "Null", "True", "م محمد", "😀👩\u200d🚀", "<script>alert(1)</script>", "n/a"]
)
def test_names_are_kept_as_sent(name: str) -> None:
    kept = lead({"email": "a@b.co", "first_name": name})
    assert kept["first_name"] == name
    assert "first_name" not in kept["raw"]


def test_unknown_fields_are_extra_and_never_set_a_column() -> None:
    internal = {"id": 1, "score": 99, "owner_id": "me", "status": "won", "tenant_id": "t", "lead_id": "mine"}
    kept = lead({"email": "a@b.co", **internal, "company": {"name": "X", "size": "big"}, "extra": {"score": 1}})
    assert kept["lead_id"] == "lead-1"
    assert kept["extra"] == {**internal, "score": 1, "score_": 99, "company.size": "big"}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("2026-01-05T10:00:00Z", "2026-01-05T10:00:00Z"),
        ("2026-01-05T12:00:00+02:00", "2026-01-05T10:00:00Z"),
        ("2026-01-05 10:00:00", "2026-01-05T10:00:00Z"),
        ("0000-01-05T10:00:00Z", None),
        ("9999-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59-10:00", None),
        ("2016-12-31T23:59:60Z", None),
        (1767607200, None),
        (1767607200000, None),
        ("yesterday", None),
        ("2026-03-01T10:00:00Z", None),
    ],
)
def test_consent_times(given: object, read: str | None) -> None:
    kept = lead({"email": "a@b.co", "consent": {"marketing_email": True, "at": given}})
    assert kept["consent"].get("at") == read
    if read is None:
        assert kept["warnings"] == ["consent_at_invalid"]
        assert kept["extra"] == {"consent.at": given}


@pytest.mark.parametrize(
    ("given", "amount", "currency"),
    [
        ("12000000 USD", "12000000", "USD"),
        ("usd 50000.50", "50000.50", "USD"),
        ("50000", "50000", None),
        (50000, "50000", None),
        (0.5, "0.5", None),
        ("5EUR", "5", "EUR"),
    ],
)
def test_money(given: object, amount: str, currency: str | None) -> None:
    submission = parse_submission(json.dumps({"email": "a@b.co", "budget": given}).encode())
    assert not isinstance(submission, Refused)
    assert isinstance(submission["budget"], Money)
    assert lead({"email": "a@b.co", "budget": given})["budget"] == {"amount": amount, "currency": currency}


def test_forms_take_the_shape_of_json() -> None:
    body = (
        b"first_name=Ann&last_name=Lee&email=ann%40example.com&company=Example+Corp&employees=250&city=Springfield"
        b"&zip=62701&country=US&lead_source=Trade+Show&utm_source=google&gclid=Tx9&phone=415-555-0100&revenue=5+USD"
        b"&products=crm&products=erp&emailOptOut=1&address[street]=1+Main+St&00N500=gold&title="
    )
    found = read_submission(body, FORM_TYPE + "; charset=utf-8")
    assert isinstance(found, CleanSubmission)
    view = lead_view(facts_of(found, stamp_of(RECEIVED, "r"), source_name="form"), "l")
    assert view["company"]["employees"] == 250
    assert view["company"]["annual_revenue"] == {"amount": "5", "currency": "USD"}
    assert view["address"] == {
        "street": "1 Main St", "city": "Springfield", "postal_code": "62701", "country": "US"
    }  # fmt: skip
    assert (view["source"], view["source_detail"], view["phone"]) == ("event", "trade_show", "+14155550100")
    assert view["products"] == ["crm", "erp"]
    assert view["consent"] == {"marketing_email": False}
    assert view["extra"] == {"00N500": "gold"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"email=%ff%fe", "invalid_form"),
        (b"email=a%40b.co&message=%00", "invalid_characters"),
        (b"&".join(b"k%d=1" % n for n in range(201)), "too_many_fields"),
        (b"email=a%40b.co&" + b"x" * 129 + b"=1", "key_too_long"),
        (b"", "no_identifier"),
        (b"email=a%40b.co&employees=many", "invalid_type"),
        (b"email=a%40b.co&first_name=A&first_name=B", "invalid_type"),
    ],
)
def test_bad_forms(body: bytes, code: str) -> None:
    found = read_submission(body, FORM_TYPE)
    assert isinstance(found, Refused)
    assert found.code == code
