"""Forms of web pages: our own, and Salesforce's web-to-lead with its field names. Public, like the pages they stand on."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.capture.domain.payload import FORM_TYPE, decode_form_inputs
from services.capture.domain.placing import FieldMapping
from services.capture.domain.refusal import Refused
from services.capture.sources.composing import compose
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.generic import json_inputs
from services.capture.sources.protocol import Answer, Asked, Document, Element, Unverified

RETURN_FIELD: Final = "retURL"
_OID: Final = "oid"
# What steers the form and says nothing of the person.
_CONTROLS: Final = frozenset({RETURN_FIELD, _OID, "debug", "debugEmail", "encoding", "submit"})
_BRACKET: Final = re.compile(r"\[([^\[\]]*)\]")
_URL: Final = re.compile(r"[!-\[\]-~]{1,2048}")
_BUILT_IN: Final = FieldMapping(
    "form@1", {"Campaign_ID": "campaign", "faxOptOut": "extra", "emailOptOut": "refused.marketing_email"}
)
_CAME_BY: Final[Mapping[str, str]] = {
    "landing_page": "landing page",
    "popup": "popup",
    "signup": "signup",
    "contact": "contact form",
}


class WebForm:
    """See protocol.WebSource."""

    def greet(self, asked: Asked, source: ConfiguredSource) -> Answer | None:
        """Nobody asks."""
        return None

    def verify(self, asked: Asked, source: ConfiguredSource) -> Unverified | None:
        """Anybody may fill in a form."""
        return None

    def split(self, asked: Asked, source: ConfiguredSource) -> Sequence[Element]:
        """The one lead; a browser gives it no id."""
        return [Element(asked.body)]

    def read(self, raw: bytes, content_type: str, source: ConfiguredSource | None) -> Document | Refused:
        """Fields by their names. One whose value its field cannot take is kept beside, and costs no lead."""
        found = decode_form_inputs(raw) if content_type == FORM_TYPE else json_inputs(raw)
        if isinstance(found, Refused):
            return found
        inputs = [(_plain(name), value) for name, value in found if name not in _CONTROLS]
        kind = source.entry.form_kind if source is not None else None
        parts: dict[str, Any] = {"extra": {"form": source.name if source is not None else None, "form_kind": kind}}
        came_by = _CAME_BY.get(kind or "", "web form")
        return compose(inputs, source, built_in=_BUILT_IN, lead_source=came_by, parts=parts)

    def answer(self, asked: Asked, source: ConfiguredSource, elements: Sequence[Element]) -> Answer:
        """303 to where the form says, if the file of sources lets it, else to the first URL of the file, else nowhere."""
        url = return_url(_wanted(asked, RETURN_FIELD), source.entry.return_urls)
        return Answer(303, headers={"Location": url}) if url is not None else Answer(202, b"{}")


def return_url(wanted: str | None, allowed: Sequence[str]) -> str | None:
    """Where the browser goes: never to a host that the file of sources does not name."""
    if wanted is not None and _URL.fullmatch(wanted) and wanted.startswith(tuple(allowed)):
        return wanted
    return allowed[0] if allowed else None


def organisation_of(asked: Asked) -> str | None:
    """The id of the organisation that a web-to-lead form is for."""
    return _wanted(asked, _OID)


def _wanted(asked: Asked, name: str) -> str | None:
    found = decode_form_inputs(asked.body) if asked.content_type == FORM_TYPE else json_inputs(asked.body)
    fields = [] if isinstance(found, Refused) else found
    return next((value for key, value in fields if key == name and isinstance(value, str)), None)


def _plain(name: str) -> str:
    """`company[name]` and `emails[]` as `company.name` and `emails`."""
    return _BRACKET.sub(r".\1", name).removesuffix(".")
