"""LinkedIn Lead Sync: a challenge that proves the address, notifications of leads made and deleted, answers fetched."""

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

from services.capture.domain.payload import decode_json
from services.capture.domain.placing import FieldMapping
from services.capture.domain.refusal import Refused, refuse
from services.capture.sources.composing import as_id, compose, dictionaries, dictionary, from_millis
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.protocol import Answer, Asked, Document, Element, Unverified
from services.capture.sources.signing import hex_hmac, judge

_BUILT_IN: Final = FieldMapping(
    "linkedin@1",
    {
        "emailAddress": "emails",
        "workEmail": "emails",
        "phoneNumber": "phones",
        "workPhone": "phones",
        "zipCode": "address.postal_code",
        "companySize": "extra",
    },
)
_CHALLENGE: Final = re.compile(r"[0-9A-Za-z-]{1,128}")
_SIGNED_AS: Final = b"hmacsha256="
_UNSIGNED: Final = Unverified("no_signature", "A deletion is obeyed only when it is signed (X-LI-Signature).")
_KEPT: Final = ("owner", "associatedEntity", "leadType", "leadGenForm", "versionedLeadGenFormUrn", "submittedAt")


class LinkedIn:
    """See protocol.WebSource."""

    def greet(self, asked: Asked, source: ConfiguredSource) -> Answer | None:
        """The challenge, answered with the client secret: the last of the file that counts now."""
        code, secrets = asked.query.get("challengeCode", ""), source.secrets_at(asked.at)
        if not _CHALLENGE.fullmatch(code) or not secrets:
            return None
        answer = {"challengeCode": code, "challengeResponse": hex_hmac(secrets[-1], code.encode())}
        return Answer(200, orjson.dumps(answer))

    def verify(self, asked: Asked, source: ConfiguredSource) -> Unverified | None:
        """The signature is judged where there is one. A lead's notification may come without, since it names a lead that
        only LinkedIn can give; a deletion may not, and where the file says `signed` nothing may."""
        given = asked.headers.get("x-li-signature")
        if given is None and not source.entry.signed and b"DELETED" not in asked.body:
            return None
        if given is None:
            return _UNSIGNED
        expected = [hex_hmac(secret, _SIGNED_AS + asked.body) for secret in source.secrets_at(asked.at)]
        return judge(given.removeprefix(_SIGNED_AS.decode()), expected)

    def split(self, asked: Asked, source: ConfiguredSource) -> Sequence[Element]:
        """The one lead, to be fetched or erased."""
        found = decode_json(asked.body)
        urn = as_id(found.get("leadGenFormResponse")) if not isinstance(found, Refused) else None
        if isinstance(found, Refused) or urn is None or found.get("type") != "LEAD_ACTION":
            return [Element(asked.body)]
        when = from_millis(found.get("occurredAt"))
        lead_id = urn.rpartition(":")[2]
        if found.get("leadAction") == "DELETED":
            return [Element(asked.body, lead_id, occurred_at=when, erase=lead_id)]
        if found.get("testLead") is True:
            return [Element(asked.body, lead_id, is_test=True, occurred_at=when)]
        return [Element(asked.body, lead_id, occurred_at=when, fetch=lead_id)]

    def read(self, raw: bytes, content_type: str, source: ConfiguredSource | None) -> Document | Refused:
        """A response together with its form, as they were fetched; of a notification there is the id only."""
        found = decode_json(raw)
        if isinstance(found, Refused):
            return found
        if "response" not in found:
            return _read_notification(found)
        given = dictionary(found["response"])
        names = _question_names(dictionary(found.get("form")))
        answers = dictionaries(dictionary(given.get("formResponse")).get("answers"))
        inputs = [
            (names.get(str(each.get("questionId")), f"question {each.get('questionId')}"), _value(each))
            for each in answers
        ]
        parts: dict[str, Any] = {
            "external_id": as_id(given.get("id")),
            "extra": {name: given.get(name) for name in _KEPT},
            "test": (given.get("testLead") is True) or None,
        }
        return compose(inputs, source, built_in=_BUILT_IN, lead_source="linkedin ads", parts=parts)

    def answer(self, asked: Asked, source: ConfiguredSource, elements: Sequence[Element]) -> Answer:
        """Any 2xx does."""
        return Answer(200, b"{}")


def _read_notification(found: Document) -> Document | Refused:
    if found.get("type") != "LEAD_ACTION":
        return refuse("invalid_value", "type")
    urn = as_id(found.get("leadGenFormResponse"))
    if urn is None:
        return refuse("invalid_type", "leadGenFormResponse")
    document: Document = {"external_id": urn.rpartition(":")[2], "source": "linkedin ads", "extra": dict(found)}
    return {**document, "test": found.get("testLead") is True}


def _question_names(form: Document) -> dict[str, str]:
    """Names of questions by their ids: the predefined field, else what the form calls it."""
    questions = dictionaries(dictionary(form.get("content")).get("questions")) or dictionaries(form.get("questions"))
    names: dict[str, str] = {}
    for question in questions:
        name = question.get("predefinedField") or question.get("name") or question.get("label")
        if isinstance(name, str):
            names[str(question.get("questionId"))] = _camel(name)
    return names


def _camel(name: str) -> str:
    """`WORK_EMAIL` as `workEmail`; other names stay."""
    if not name.isupper():
        return name
    first, *rest = name.lower().split("_")
    return first + "".join(part.title() for part in rest)


def _value(answer: Document) -> Any:
    details = dictionary(answer.get("answerDetails"))
    text = dictionary(details.get("textQuestionAnswer")).get("answer")
    return text if text is not None else dictionary(details.get("multipleChoiceAnswer")).get("options")
