"""Mails and calls: who is the lead, what is theirs of the text, and what nobody wrote."""

from email.message import EmailMessage
from typing import Any

import orjson
import pytest

from services.capture.domain.reading import Reading, read_documents
from services.capture.domain.refusal import Refused
from services.capture.sources.mail import LONGEST_MESSAGE, MAIL_TYPE, own_words
from services.capture.sources.register import READERS, WEBHOOKS
from tests.support.sources import asked, source_of

MAIL = source_of("kind: mail")
CALLS = source_of("kind: calls")


def mail(body: str = "Please call me.", **headers: str) -> EmailMessage:
    made = EmailMessage()
    given = {"From": "Änn Lee <Ann@Example.com>", "Subject": "A quote", "Message-ID": "<1@example.com>", **headers}
    for name, value in given.items():
        made[name.replace("_", "-")] = value
    made.set_content(body)
    return made


def read(raw: bytes) -> dict[str, Any]:
    """The document, which must also be one that `POST /v1/leads` takes."""
    document = READERS["mail"].read(raw, MAIL_TYPE, None)
    assert isinstance(document, dict), document
    (reading,) = read_documents([dict(document)])
    assert isinstance(reading, Reading), reading
    return document


def test_the_sender_is_the_lead_and_the_text_the_message() -> None:
    document = read(mail("I want 7.\n\nOn Monday Bob <bob@example.com> wrote:\n> call +49 30 1234567\n").as_bytes())
    assert (document["email"], document["name"], document["source"]) == ("Ann@Example.com", "Änn Lee", "email")
    assert document["message"] == "I want 7."
    assert document["extra"] == {"mail_subject": "A quote", "mail_id": "<1@example.com>"}


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("Hi\n-- \nBob, bob@example.com", "Hi"),
        ("> you said\nyes\n> and\nno", "yes\nno"),
        ("Yes\r\n\r\n-----Original Message-----\r\nFrom: Bob", "Yes"),
        ("Ja\n\nAm 1. Mai schrieb Bob <b@example.com>:\nNein", "Ja"),
        ("Yes\nFrom: Bob\nSent: Monday\nTo: me", "Yes"),
        ("a\x00b\x07c", "abc"),
        ("On the phone you said -- well -- no", "On the phone you said -- well -- no"),
        ("", ""),
    ],
)
def test_quotes_and_signatures_are_not_the_senders_words(text: str, own: str) -> None:
    assert own_words(text) == own


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Auto_Submitted": "auto-replied"}, "auto_reply"),
        ({"X_Autoreply": "yes"}, "auto_reply"),
        ({"Return_Path": "<>"}, "auto_reply"),
        ({"From": "MAILER-DAEMON@example.com"}, "auto_reply"),
        ({"From": "no-reply@example.com"}, "auto_reply"),
        ({"Precedence": "bulk"}, "mailing_list"),
        ({"List_Id": "<crm.example.com>"}, "mailing_list"),
        ({"List_Unsubscribe": "<https://example.com/u>"}, "mailing_list"),
        ({"From": "undisclosed"}, "no_identifier"),
        ({"From": "a@example.com, b@example.com"}, "no_identifier"),
    ],
)
def test_what_no_person_wrote_to_us_is_refused_with_the_reason(headers: dict[str, str], code: str) -> None:
    raw = mail(**headers).as_bytes()
    (element,) = WEBHOOKS["mail"].split(asked(raw, content_type=MAIL_TYPE), MAIL)
    for value in (raw, element.raw):
        refused = READERS["mail"].read(value, MAIL_TYPE, None)
        assert isinstance(refused, Refused)
        assert refused.code == code


def test_auto_submitted_no_is_a_person() -> None:
    assert read(mail(Auto_Submitted="no").as_bytes())["email"] == "Ann@Example.com"


def test_no_attachment_is_stored_and_what_is_stored_reads_the_same() -> None:
    full = mail("Grüße\n-- \nAnn", Date="Sun, 01 Feb 2026 10:00:00 +0100")
    full.add_attachment(b"%PDF-secret" * 9000, maintype="application", subtype="pdf", filename="offer.pdf")
    (element,) = WEBHOOKS["mail"].split(asked(full.as_bytes(), content_type=MAIL_TYPE), MAIL)
    assert b"offer.pdf" not in element.raw and len(element.raw) < 2000
    assert (element.ce_id, element.occurred_at) == ("<1@example.com>", "2026-02-01T10:00:00+01:00")
    assert read(element.raw) == read(full.as_bytes())
    assert read(element.raw)["message"] == "Grüße"


def test_a_long_text_is_cut_and_an_empty_one_is_the_subject() -> None:
    assert len(read(mail("word " * 9000).as_bytes())["message"]) == LONGEST_MESSAGE
    assert read(mail("").as_bytes())["message"] == "A quote"


def test_a_page_is_read_without_its_tags_styles_and_quotes() -> None:
    made = mail("")
    made.set_content(
        "<style>p {x}</style><p>Call &amp; write</p><blockquote>bob@example.com</blockquote>", subtype="html"
    )
    assert read(made.as_bytes())["message"] == "Call & write"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        b"From: <\r\n\r\nx",
        b"From: =?utf-8?b?///?= <a@\r\n\r\nx",
        b"From: a@example.com\r\nContent-Type: multipart/mixed\r\n\r\nno boundary",
        b"From: a@example.com\r\nContent-Type: text/plain; charset=nobody-knows\r\n\r\n\xe4",
        b"From: a@example.com\r\nContent-Transfer-Encoding: base64\r\n\r\n###",
        b"From: a@example.com\r\nSubject: =?x?q?=00?=\r\nDate: never\r\n\r\n\xed\xa0\x80",
    ],
)
def test_broken_mails_are_leads_or_refused_and_never_raise(raw: bytes) -> None:
    (element,) = WEBHOOKS["mail"].split(asked(raw, content_type=MAIL_TYPE), MAIL)
    for value in (raw, element.raw):
        document = READERS["mail"].read(value, MAIL_TYPE, None)
        if isinstance(document, dict):
            orjson.dumps(document)
            assert document["email"] == "a@example.com"


@pytest.mark.parametrize(
    ("call", "phone", "source"),
    [
        ({"direction": "inbound", "from": "+49 30 1234567", "to": "+49 40 1"}, "+49 30 1234567", "phone/inbound"),
        ({"direction": "outbound", "from": "+49 40 1", "to": "+49 30 1234567"}, "+49 30 1234567", "phone/outbound"),
    ],
)
def test_the_other_side_of_a_call_is_the_lead(call: dict[str, Any], phone: str, source: str) -> None:
    body = {"id": 7, "agent": "sam", "duration_s": 61, "name": "Ann Lee", "notes": "wants 7", **call}
    document = READERS["calls"].read(orjson.dumps(body), "application/json", None)
    assert isinstance(document, dict)
    assert (document["phone"], document["source"], document["message"]) == (phone, source, "wants 7")
    assert document["extra"] == {
        "mapping": "calls@1", "call_agent": "sam", "call_duration_s": 61, "call_direction": call["direction"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({}, ("invalid_value", "direction")),
        ({"direction": "sideways", "from": "1"}, ("invalid_value", "direction")),
        ({"direction": "inbound"}, ("no_identifier", "from")),
        ({"direction": "outbound", "from": "+49301234567"}, ("no_identifier", "to")),
    ],
)
def test_a_call_with_nobody_is_refused_with_its_place(call: dict[str, Any], expected: tuple[str, str]) -> None:
    refused = READERS["calls"].read(orjson.dumps(call), "application/json", CALLS)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.field) == expected
