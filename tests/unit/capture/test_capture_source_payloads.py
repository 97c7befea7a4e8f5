"""What each provider's payload becomes: one element a lead, its very bytes, its fields where they belong."""

from typing import Any

import orjson
import pytest

from services.capture.domain.hygiene import CleanSubmission
from services.capture.domain.reading import Reading, read_documents
from services.capture.domain.refusal import Refused
from services.capture.sources.configured import NO_SOURCES, ConfiguredSource
from services.capture.sources.protocol import Element
from services.capture.sources.register import CONFIGURED, READERS, Formats
from tests.support.sources import SECRETS, asked, source_of

META = source_of("kind: meta\nsecrets: [{env: KEY}]\nverify_token: {env: KEY}\ntoken: {env: KEY}")
LINKEDIN = source_of("kind: linkedin\nsecrets: [{env: KEY}]\ntoken: {env: KEY}")
TYPEFORM = source_of("kind: typeform\nsecrets: [{env: KEY}]")
HUBSPOT = source_of("kind: hubspot\nreturn_urls: ['https://www.example.com/thanks']")
MAPPINGS = """mappings:
  partner:
    version: 4
    leads: data.people
    event_id: id
    occurred_at: at
    test: meta.test
    fields: {person.mail: emails, person.phones: phones, size: company.employees, secret_note: null}
    constants: {source: partner, company.industry: software}
"""
PARTNER = source_of("kind: generic\nmapping: partner", MAPPINGS)


def split(source: ConfiguredSource, body: Any, content_type: str = "application/json") -> list[Element]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return list(CONFIGURED[source.kind].split(asked(raw, content_type=content_type), source))


def read(source: ConfiguredSource, body: Any, content_type: str = "application/json") -> CleanSubmission | Refused:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    (reading,) = read_documents([READERS[source.kind].read(raw, content_type, source)])
    return reading.clean if isinstance(reading, Reading) else reading


def lead(source: ConfiguredSource, body: Any, content_type: str = "application/json") -> CleanSubmission:
    found = read(source, body, content_type)
    assert isinstance(found, CleanSubmission), found
    return found


def change(lead_id: Any, **more: Any) -> dict[str, Any]:
    value = {"leadgen_id": lead_id, "form_id": "7", "page_id": "8", "created_time": 1_588_890_044}
    return {"field": "leadgen", "value": value, **more}


def test_meta_two_entries_of_three_changes_are_six_leads_and_a_bad_one_costs_nobody() -> None:
    entries = [
        {"id": "p", "time": 1, "changes": [change("1"), change(2), change("3", field="feed")]},
        {"id": "q", "time": 1, "changes": [change("4444444444"), change(None), change("6")]},
        {"id": "r", "changes": "none"},
    ]
    elements = split(META, {"object": "page", "entry": entries})
    assert [(each.ce_id, each.fetch, each.is_test) for each in elements] == [
        ("1", "1", False),
        ("2", "2", False),
        (None, None, False),
        ("4444444444", None, True),
        (None, None, False),
        ("6", "6", False),
        (None, None, False),
    ]
    assert elements[0].raw == orjson.dumps(change("1"))
    assert elements[0].occurred_at == "2020-05-07T22:20:44Z"
    for bad in (2, 4, 6):
        assert isinstance(read(META, elements[bad].raw), Refused)
    assert lead(META, elements[3].raw).external_id == "4444444444"


def test_a_lead_of_metas_graph_api() -> None:
    fields = [("full_name", "Joe Example"), ("email", "joe@example.com"), ("work_phone_number", "+14155552671")]
    data = [{"name": name, "values": [value]} for name, value in fields] + [{"name": "why?", "values": ["a", "b"]}]
    found = {"id": "12", "created_time": "2026-02-28T08:49:14+0000", "ad_id": "9", "form_id": "7", "field_data": data}
    clean = lead(META, found)
    assert (clean.first_name, clean.last_name, clean.emails, clean.phones) == (
        "Joe",
        "Example",
        ("joe@example.com",),
        ("+14155552671",),
    )
    assert clean.external_id == "12"
    assert clean.facts["o"]["source"][:2] == ["social", "paid"]
    assert clean.facts["x"] == {"why?": ["a", "b"], "mapping": "meta@1", "ad_id": "9", "form_id": "7"}


def test_linkedin_notifications_and_a_response_with_its_form() -> None:
    urn = "urn:li:leadGenFormResponse:af80f1c6"
    notified = {"type": "LEAD_ACTION", "leadGenFormResponse": urn, "occurredAt": 1_686_182_358_881}
    (created,) = split(LINKEDIN, {**notified, "leadAction": "CREATED", "leadType": "SPONSORED"})
    assert (created.ce_id, created.fetch, created.occurred_at) == ("af80f1c6", "af80f1c6", "2023-06-07T23:59:18Z")
    (deleted,) = split(LINKEDIN, {**notified, "leadAction": "DELETED"})
    assert (deleted.erase, deleted.fetch) == ("af80f1c6", None)
    (tested,) = split(LINKEDIN, {**notified, "leadAction": "CREATED", "testLead": True})
    assert (tested.is_test, tested.fetch) == (True, None)
    (odd,) = split(LINKEDIN, {"type": "SOMETHING"})
    assert isinstance(read(LINKEDIN, odd.raw), Refused)
    answers = [(1, "ann@northwind.example"), (2, "Ann"), (3, "blue")]
    response = {
        "id": "af80f1c6",
        "formResponse": {
            "answers": [
                {"questionId": number, "answerDetails": {"textQuestionAnswer": {"answer": text}}}
                for number, text in answers
            ]
        },
    }
    questions = [
        {"questionId": 1, "predefinedField": "WORK_EMAIL"},
        {"questionId": 2, "predefinedField": "FIRST_NAME"},
        {"questionId": 3, "name": "colour"},
    ]
    clean = lead(LINKEDIN, {"response": response, "form": {"content": {"questions": questions}}})
    assert (clean.emails, clean.first_name, clean.external_id) == (("ann@northwind.example",), "Ann", "af80f1c6")
    assert clean.facts["x"]["colour"] == "blue"


def test_a_typeform_response() -> None:
    fields = [
        {"id": "a", "title": "What is your name?", "type": "short_text", "ref": "r1"},
        {"id": "b", "title": "Company", "type": "short_text", "ref": "r2"},
        {"id": "c", "title": "Which plan?", "type": "multiple_choice", "ref": "r3"},
    ]
    answers = [
        {"field": {"id": "a", "ref": "r1"}, "type": "text", "text": "Ann Lee"},
        {"field": {"id": "b", "ref": "r2"}, "type": "text", "text": "Northwind"},
        {"field": {"id": "c", "ref": "r3"}, "type": "choice", "choice": {"label": "Large"}},
        {"field": {"id": "d", "ref": "r4"}, "type": "email", "email": "ann@northwind.example"},
        {"field": {"id": "e", "ref": "r5"}, "type": "boolean", "boolean": True},
    ]
    response = {
        "form_id": "f",
        "token": "tok",
        "submitted_at": "2026-02-28T08:49:14Z",
        "hidden": {"utm_source": "newsletter"},
        "definition": {"fields": fields},
        "answers": answers,
    }
    payload = {"event_id": "ev", "event_type": "form_response", "form_response": response}
    (element,) = split(TYPEFORM, payload)
    assert (element.ce_id, element.occurred_at) == ("tok", "2026-02-28T08:49:14Z")
    clean = lead(TYPEFORM, payload)
    assert (clean.emails, clean.external_id) == (("ann@northwind.example",), "tok")
    assert clean.facts["f"]["company.name"][0] == "Northwind"
    assert clean.facts["t"]["utm_source"] == "newsletter"
    assert clean.facts["x"]["Which plan?"] == "Large"
    named = source_of(
        "kind: typeform\nsecrets: [{env: KEY}]\nmapping: m",
        "mappings: {m: {version: 1, fields: {r1: name, r5: consent.marketing_email}}}\n",
    )
    mapped = lead(named, payload)
    assert (mapped.first_name, mapped.last_name, mapped.facts["c"]) == ("Ann", "Lee", {"marketing_email": True})
    assert lead(TYPEFORM, response).emails == clean.emails  # as an export gives it


def hubspot(email: Any) -> dict[str, Any]:
    return {
        "submittedAt": 1_772_000_000_000,
        "fields": [{"objectTypeId": "0-1", "name": "email", "value": email}, {"name": "firstname", "value": "Ann"}],
        "context": {"hutk": "h", "pageUri": "https://www.example.com/offer", "pageName": "Offer"},
        "legalConsentOptions": {
            "consent": {
                "consentToProcess": True,
                "text": "I agree",
                "communications": [{"value": True, "subscriptionTypeId": 999, "text": "news"}],
            }
        },
    }


def test_a_hundred_submissions_of_hubspots_shape_and_bad_ones_among_them() -> None:
    bodies: list[Any] = [hubspot(f"p{number}@example.com") for number in range(100)]
    bodies[3], bodies[50] = {"fields": "none"}, 7
    elements = split(HUBSPOT, bodies)
    assert [each.raw for each in elements] == [orjson.dumps(body) for body in bodies]
    refused = [number for number, each in enumerate(elements) if isinstance(read(HUBSPOT, each.raw), Refused)]
    assert refused == [3, 50]
    clean = lead(HUBSPOT, elements[0].raw)
    assert (clean.emails, clean.first_name) == (("p0@example.com",), "Ann")
    assert clean.facts["c"] == {"marketing_email": True, "processing": True}
    assert clean.facts["k"]["text"] == "I agree\nnews"
    assert clean.facts["t"]["landing_page"] == "https://www.example.com/offer"
    answer = CONFIGURED["hubspot"].answer(asked(), HUBSPOT, elements)
    assert orjson.loads(answer.body) == {"redirectUri": "https://www.example.com/thanks"}
    assert len(split(HUBSPOT, b"[{}")) == 1 and isinstance(read(HUBSPOT, b"[{}"), Refused)


def test_hubspots_company_is_not_the_person_and_what_was_refused_is_kept() -> None:
    body = hubspot("ann@example.com")
    body["fields"] += [
        {"objectTypeId": "0-2", "name": "name", "value": "Northwind"},
        {"objectTypeId": "0-2", "name": "domain", "value": "northwind.example"},
        {"objectTypeId": "0-2", "name": "phone", "value": "+14155550100"},
    ]
    said = body["legalConsentOptions"]["consent"]["communications"]
    said.append({"value": False, "subscriptionTypeId": 998, "text": "calls"})
    clean = lead(HUBSPOT, {**body, "skipValidation": True})
    assert clean.facts["f"]["company.name"][0] == "Northwind" and clean.phones == ()
    assert (clean.first_name, clean.facts["c"]["marketing_email"]) == ("Ann", False)
    assert clean.facts["x"]["communications"] == [
        {"subscriptionTypeId": 999, "value": True},
        {"subscriptionTypeId": 998, "value": False},
    ]
    assert (clean.facts["x"]["company_phone"], clean.facts["x"]["skipValidation"]) == ("+14155550100", True)


def test_a_generic_list_is_placed_by_its_mapping_and_nothing_is_lost() -> None:
    person = {"mail": "ann@northwind.example", "phones": ["+14155552671"], "age": 44}
    one = {"id": 5, "at": "2026-02-28T08:49:14Z", "person": person, "size": "1,200", "secret_note": "n", "tags": ["x"]}
    two = {"id": "6", "person": {"mail": "bob@example.com"}, "size": "many", "meta": {"test": True}}
    elements = split(PARTNER, {"data": {"people": [one, two, "three"]}})
    assert [(each.ce_id, each.is_test) for each in elements] == [("5", False), ("6", True), (None, False)]
    clean = lead(PARTNER, elements[0].raw)
    assert (clean.emails, clean.phones) == (("ann@northwind.example",), ("+14155552671",))
    assert clean.facts["f"]["company.employees"] == 1200
    assert clean.facts["f"]["company.industry"] == "software"
    extra = dict(clean.facts["x"])
    assert extra.pop("mapping").startswith("partner@4:")
    assert clean.external_id == "5"  # what no mapping names goes by its name
    assert extra == {"at": one["at"], "person.age": 44, "secret_note": "n", "tags": ["x"]}
    assert lead(PARTNER, elements[1].raw).facts["x"]["size"] == "many"
    assert isinstance(read(PARTNER, elements[2].raw), Refused)


def test_generic_rows_and_forms() -> None:
    body = b'person.mail,id,note\nann@example.com,1,"two\nlines"\nbob@example.com,2,x\nc@example.com,3\n"broken'
    elements = split(PARTNER, body, "text/csv")
    assert [each.ce_id for each in elements] == ["1", "2", None, None]
    clean = lead(PARTNER, elements[0].raw, "text/csv")
    assert (clean.emails, clean.facts["f"]["message"]) == (("ann@example.com",), "two\nlines")
    codes = [found.code for each in elements if isinstance(found := read(PARTNER, each.raw, "text/csv"), Refused)]
    assert codes == ["wrong_field_count", "damaged_row"]
    form = "application/x-www-form-urlencoded"
    assert lead(PARTNER, b"person.mail=ann%40example.com&id=9", form).emails == ("ann@example.com",)
    refused = read(PARTNER, b"person.mail=a%40example.com&n=%00", form)
    assert isinstance(refused, Refused) and refused.code == "invalid_characters"


JUNK = [b"", b"{", b"null", b"[]", b"7", b'"x"', b"{}", b"[" * 100_000, b"\xff\xfe", b'{"a":NaN}', b'{"a":1,"a":2}']
ODD: list[Any] = [None, 1, "x", [], {}, [[]], {"a": [1]}, True]


@pytest.mark.parametrize("name", sorted(CONFIGURED))
def test_no_bytes_make_a_reader_raise(name: str) -> None:
    needed = {
        "google": "secrets: [{env: KEY}]",
        "typeform": "secrets: [{env: KEY}]",
        "meta": "secrets: [{env: KEY}]\nverify_token: {env: KEY}\ntoken: {env: KEY}",
        "linkedin": "secrets: [{env: KEY}]\ntoken: {env: KEY}",
        "form": "form_kind: contact",
        "salesforce": "oid: 00D1",
    }
    source = source_of(f"kind: {name}\n{needed.get(name, '')}")
    keys = (
        "lead_id", "user_column_data", "entry", "field", "value", "field_data", "response", "form", "form_response",
        "answers", "fields", "context", "legalConsentOptions", "submittedAt", "leadGenFormResponse", "type",
    )  # fmt: skip
    bodies = [*JUNK, *(orjson.dumps(dict.fromkeys(keys, odd)) for odd in ODD)]
    bodies += [orjson.dumps({"form_response": {"answers": [{"type": odd, "field": odd}]}}) for odd in ODD]
    bodies += [orjson.dumps({"fields": [{"name": odd, "value": odd}]}) for odd in ODD]
    for content_type in ("application/json", "application/x-www-form-urlencoded", "text/csv"):
        for body in bodies:
            for element in split(source, body, content_type):
                found = READERS[name].read(element.raw, content_type, source)
                read_documents([found])


def test_a_payload_beyond_the_limit_is_refused_whoever_reads_it() -> None:
    formats = Formats(lambda: NO_SOURCES)
    found = formats.read("google", "x", b" " * 300_000, "application/json")
    assert isinstance(found, Refused) and found.code == "too_large"
    assert SECRETS["KEY"] not in str(found)
