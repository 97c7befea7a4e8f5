"""Web forms: Salesforce's names, our own, where the browser may be sent, what costs no lead."""

from urllib.parse import urlencode

import pytest

from services.capture.domain.hygiene import CleanSubmission
from services.capture.domain.payload import FORM_TYPE
from services.capture.domain.reading import Reading, read_documents
from services.capture.sources.web_form import WebForm, organisation_of, return_url
from tests.support.sources import asked, source_of

FORM = WebForm()
ALLOWED = ("https://www.example.com/thanks", "https://shop.example.com/")
CONTACT = source_of("kind: form\nform_kind: contact\nreturn_urls: ['https://www.example.com/thanks']")
SALESFORCE = source_of("kind: salesforce\noid: 00D000000000001")


def lead(fields: dict[str, str], source: object = SALESFORCE) -> CleanSubmission:
    document = FORM.read(urlencode(fields).encode(), FORM_TYPE, source)  # type: ignore[arg-type]
    (reading,) = read_documents([document])
    assert isinstance(reading, Reading), reading
    return reading.clean


def test_the_names_of_salesforces_web_to_lead_unchanged() -> None:
    clean = lead(
        {
            "oid": "00D000000000001", "retURL": "https://www.example.com/", "debug": "1", "salutation": "Dr",
            "first_name": "Ann", "last_name": "Lee", "email": "ann@northwind.example", "company": "Northwind",
            "city": "Springfield", "state": "IL", "title": "CEO", "url": "northwind.example", "phone": "+14155552671",
            "mobile": "+14155552672", "street": "1 Main St", "zip": "62701", "country": "US", "description": "Call me",
            "lead_source": "Trade Show", "industry": "software", "rating": "Hot", "revenue": "a lot",
            "employees": "250", "Campaign_ID": "70100", "member_status": "Sent", "emailOptOut": "1", "faxOptOut": "1",
            "doNotCall": "1", "00N000000000001": "custom",
        }
    )  # fmt: skip
    facts = clean.facts
    assert (clean.first_name, clean.last_name, clean.emails) == ("Ann", "Lee", ("ann@northwind.example",))
    assert set(clean.phones) == {"+14155552671", "+14155552672"}
    assert (facts["f"]["title"], facts["f"]["message"]) == ("CEO", "Call me")
    assert facts["f"]["company.employees"] == 250
    assert facts["f"]["address"]["city"] == "Springfield"
    assert facts["o"]["source"][:2] == ["event", "trade_show"]
    assert facts["o"]["campaign"] == "70100"
    assert facts["c"] == {"marketing_email": False, "marketing_phone": False}
    extra = facts["x"]
    assert (extra["rating"], extra["00N000000000001"], extra["salutation"]) == ("Hot", "custom", "Dr")
    assert extra["revenue"] == "a lot"  # no amount, and no reason to lose the lead
    assert not {"oid", "retURL", "debug"} & set(extra)


def test_a_form_says_which_it_was() -> None:
    clean = lead({"email": "ann@example.com", "company[name]": "Northwind", "emails[]": "b@example.com"}, CONTACT)
    assert clean.facts["x"]["form_kind"] == "contact"
    assert clean.facts["x"]["form"] == "test"
    assert clean.facts["o"]["source"][:2] == ["website", "form"]
    assert clean.facts["f"]["company.name"][0] == "Northwind"
    popup = source_of("kind: form\nform_kind: popup")
    assert lead({"email": "ann@example.com"}, popup).facts["o"]["source"][:2] == ["website", "popup"]


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("https://www.example.com/thanks?x=1", "https://www.example.com/thanks?x=1"),
        ("https://shop.example.com/basket", "https://shop.example.com/basket"),
        (None, ALLOWED[0]),
        ("", ALLOWED[0]),
        ("https://evil.example/", ALLOWED[0]),
        ("https://shop.example.com.evil.example/", ALLOWED[0]),
        ("https://shop.example.com@evil.example/", ALLOWED[0]),
        ("//evil.example/", ALLOWED[0]),
        ("javascript:alert(1)", ALLOWED[0]),
        ("https://shop.example.com/\r\nSet-Cookie: a=b", ALLOWED[0]),
        ("https://shop.example.com/\\evil", ALLOWED[0]),
        ("HTTPS://SHOP.EXAMPLE.COM/x", ALLOWED[0]),
    ],
)
def test_the_browser_is_sent_to_no_host_that_the_file_does_not_name(wanted: str | None, goes_to: str) -> None:
    assert return_url(wanted, ALLOWED) == goes_to
    assert return_url(wanted, ()) is None


def test_the_answer_and_the_organisation() -> None:
    body = urlencode({"email": "a@example.com", "retURL": "https://www.example.com/thanks/you", "oid": "00D"}).encode()
    answer = FORM.answer(asked(body, content_type=FORM_TYPE), CONTACT, [])
    assert (answer.status, answer.headers["Location"]) == (303, "https://www.example.com/thanks/you")
    assert organisation_of(asked(body, content_type=FORM_TYPE)) == "00D"
    assert organisation_of(asked(b"%ff", content_type=FORM_TYPE)) is None
    assert FORM.answer(asked(body, content_type=FORM_TYPE), SALESFORCE, []).status == 202
