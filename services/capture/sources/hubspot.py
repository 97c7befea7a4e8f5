"""The shape of HubSpot's form submissions (v3): one submission or a list, with its context and consent."""

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

import msgspec
import orjson

from services.capture.domain.payload import decode_json
from services.capture.domain.placing import FieldMapping
from services.capture.domain.refusal import Refused, refuse
from services.capture.sources.composing import as_id, compose, dictionaries, dictionary, from_millis
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.protocol import Answer, Asked, Document, Element, Unverified
from services.capture.sources.signing import base64_hmac, judge, outside

_BUILT_IN: Final = FieldMapping(
    "hubspot@1",
    {
        "firstname": "first_name",
        "lastname": "last_name",
        "mobilephone": "phones",
        "jobtitle": "title",
        "numemployees": "company.employees",
        "zip": "address.postal_code",
        "annualrevenue": "company.annual_revenue",
        "hs_google_click_id": "touch.gclid",
        "hs_facebook_click_id": "touch.fbclid",
    },
)
_COMPANY: Final = "0-2"
_OF_THE_COMPANY: Final = {"name": "company", "domain": "website", "phone": "company_phone"}
_CONTEXT: Final = ("hutk", "ipAddress", "pageName", "pageId", "sfdcCampaignId", "goToWebinarWebinarKey")
# : / ? @ ! $ ' ( ) * , ;
_ESCAPED: Final = re.compile("%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
_THANKS: Final = "Thanks for submitting the form."


class HubSpot:
    """See protocol.WebSource."""

    def greet(self, asked: Asked, source: ConfiguredSource) -> Answer | None:
        """Nobody asks."""
        return None

    def verify(self, asked: Asked, source: ConfiguredSource) -> Unverified | None:
        """Public like a form, unless the source has secrets: then one of them has signed (version 3), or is the bearer
        token."""
        if not source.secrets:
            return None
        if (signature := asked.headers.get("x-hubspot-signature-v3")) is not None:
            return _signed(signature, asked, source)
        scheme, _, given = asked.headers.get("authorization", "").partition(" ")
        expected = [secret.decode("utf-8", "replace") for secret in source.secrets_at(asked.at)]
        return judge(given.strip() if scheme.lower() == "bearer" else None, expected)

    def split(self, asked: Asked, source: ConfiguredSource) -> Sequence[Element]:
        """Each submission of a list by itself, its own bytes."""
        if asked.body.lstrip()[:1] != b"[":
            return [_element(asked.body)]
        try:
            return [_element(bytes(each)) for each in msgspec.json.decode(asked.body, type=list[msgspec.Raw])]
        except (msgspec.DecodeError, RecursionError):
            return [Element(asked.body)]

    def read(self, raw: bytes, content_type: str, source: ConfiguredSource | None) -> Document | Refused:
        """Fields by their names; consent as evidence; the page as the touch's."""
        found = decode_json(raw)
        if isinstance(found, Refused):
            return found
        if not isinstance(found.get("fields"), list):
            return refuse("invalid_type", "fields")
        context = dictionary(found.get("context"))
        options = dictionary(found.get("legalConsentOptions"))
        inputs = [(_name_of(each), each.get("value")) for each in dictionaries(found["fields"])]
        parts: dict[str, Any] = {
            "touch": {"landing_page": context.get("pageUri")},
            "consent": _consent(options, from_millis(found.get("submittedAt"))),
            "extra": {
                **{name: context.get(name) for name in _CONTEXT},
                "communications": _communications(options),
                "skipValidation": found.get("skipValidation") or None,
            },
        }
        return compose(inputs, source, built_in=_BUILT_IN, lead_source="web form", parts=parts)

    def answer(self, asked: Asked, source: ConfiguredSource, elements: Sequence[Element]) -> Answer:
        """Where to go, or what to show."""
        urls = source.entry.return_urls
        return Answer(200, orjson.dumps({"redirectUri": urls[0]} if urls else {"inlineMessage": _THANKS}))


def _signed(signature: str, asked: Asked, source: ConfiguredSource) -> Unverified | None:
    """Base64 of HMAC-SHA256 over method, URI, body and time, the time being milliseconds and no more than five minutes away
    (https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation)."""
    stamp = asked.headers.get("x-hubspot-request-timestamp", "")
    if (late := outside(stamp, asked.at, a_second=1000)) is not None:
        return late
    signed = f"{asked.method}{_uri(asked, source)}".encode() + asked.body + stamp.encode()
    return judge(signature, [base64_hmac(secret, signed) for secret in source.secrets_at(asked.at)])


def _uri(asked: Asked, source: ConfiguredSource) -> str:
    """The address that HubSpot called, with those escapes read that it reads before it signs."""
    address, mark, query = asked.url.partition("?")
    return _ESCAPED.sub(lambda found: unquote(found[0]), f"{source.entry.address or address}{mark}{query}")


def _element(raw: bytes) -> Element:
    found = decode_json(raw)
    if isinstance(found, Refused):
        return Element(raw)
    return Element(raw, as_id(found.get("submissionId")), occurred_at=from_millis(found.get("submittedAt")))


def _name_of(field: dict[str, Any]) -> str:
    """A field's name; those of the company (object type 0-2) by names that are not a person's."""
    name = str(field.get("name", "field"))
    return _OF_THE_COMPANY.get(name, name) if field.get("objectTypeId") == _COMPANY else name


def _communications(options: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Which subscription was said yes or no to, by HubSpot's own ids."""
    told = [
        *dictionaries(dictionary(options.get("consent")).get("communications")),
        dictionary(options.get("legitimateInterest")),
    ]
    named = [{key: each.get(key) for key in ("subscriptionTypeId", "value")} for each in told]
    return [each for each in named if each["subscriptionTypeId"] is not None] or None


def _consent(options: dict[str, Any], at: str | None) -> dict[str, Any]:
    """What was agreed to: each communication is a purpose of its own, all of them refused is a refusal."""
    said = dictionary(options.get("consent"))
    interest = dictionary(options.get("legitimateInterest"))
    if not said:
        return (
            {"legitimate_interest": interest.get("legalBasis"), "text": interest.get("text"), "at": at}
            if interest
            else {}
        )
    told = dictionaries(said.get("communications"))
    values = [each.get("value") for each in told if isinstance(each.get("value"), bool)]
    texts = [text for text in (said.get("text"), *(each.get("text") for each in told)) if isinstance(text, str)]
    consent: dict[str, Any] = {"text": "\n".join(texts), "at": at}
    if values:
        consent["marketing_email"] = all(values)
    if isinstance(said.get("consentToProcess"), bool):
        consent["processing"] = said["consentToProcess"]
    return consent
