"""The register of sources: formats by name, and who reads them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.capture.domain.identity import IdentityKey
from services.capture.domain.reading import MAX_BYTES, judge_document
from services.capture.domain.refusal import Refused, refuse
from services.capture.sources.calls import Calls
from services.capture.sources.composing import as_id
from services.capture.sources.configured import NO_SOURCES, ConfiguredSource, Sources
from services.capture.sources.generic import Generic
from services.capture.sources.google import Google
from services.capture.sources.hubspot import HubSpot
from services.capture.sources.intent import Intent
from services.capture.sources.linkedin import LinkedIn
from services.capture.sources.mail import Mail
from services.capture.sources.meta import Meta
from services.capture.sources.protocol import Asked, Document, Element, Reader, WebSource
from services.capture.sources.social import Social
from services.capture.sources.typeform import Typeform
from services.capture.sources.web_form import WebForm

# The damage of a record that holds a notification only, because its provider will not give the lead.
NOT_FETCHED: Final = "not_fetched"
# Sources with an address of their own: `/v1/webhooks/<format>/<source>`.
WEBHOOKS: Final[Mapping[str, WebSource]] = {
    "google": Google(),
    "meta": Meta(),
    "linkedin": LinkedIn(),
    "typeform": Typeform(),
    "hubspot": HubSpot(),
    "generic": Generic(),
    "social": Social(),
    "intent": Intent(),
    "mail": Mail(),
    "calls": Calls(),
}
# Those of web pages: `/v1/forms/<form>` and `/servlet/servlet.WebToLead`.
FORMS: Final[Mapping[str, WebSource]] = {"form": WebForm(), "salesforce": WebForm()}
CONFIGURED: Final[Mapping[str, WebSource]] = {**WEBHOOKS, **FORMS}
# Those that a key of ours may send under its own name, without an entry in the file.
BY_KEY: Final = frozenset({"mail", "calls"})
# Every format that a record may be of. A source without an address of its own is only here.
READERS: Final[Mapping[str, Reader]] = {**CONFIGURED}


@dataclass(frozen=True, slots=True)
class Formats:
    """Reads records by the format that they are of. `current` gives the sources as they are configured now."""

    current: Callable[[], Sources]

    def fault(self, name: str, source: str) -> str | None:
        """Why a record cannot be read now, though it may be after a repair: it becomes a dead letter."""
        if name not in READERS:
            return "unknown_format"
        if name in CONFIGURED and name not in BY_KEY and source not in self.current().by_name:
            return "unknown_source"
        return None

    def read(self, name: str, source: str, raw: bytes, content_type: str, damage: str = "") -> Document | Refused:
        """The document of a record that has no fault."""
        if damage == NOT_FETCHED:
            return refuse("not_fetched")
        if len(raw) > MAX_BYTES:
            return refuse("too_large")
        return READERS[name].read(raw, content_type, self.current().by_name.get(source))


def exported(asked: Asked, source: ConfiguredSource) -> Sequence[Element]:
    """The leads of a line of an export, under the ids that the provider's webhook gives them. Where the webhook only
    announces leads, a line is a lead as the provider's API gives it."""
    if source.kind not in ("meta", "linkedin"):
        return CONFIGURED[source.kind].split(asked, source)
    document = READERS[source.kind].read(asked.body, asked.content_type, source)
    if isinstance(document, Refused):
        return [Element(asked.body)]
    return [Element(asked.body, as_id(document.get("external_id")), is_test=document.get("test") is True)]


def judge_element(
    raw: bytes, content_type: str, source: ConfiguredSource, *, region: str | None
) -> IdentityKey | Refused | None:
    """What capture will say of a lead of a payload: why it is refused, else the key of its person if there is one."""
    document = refuse("too_large") if len(raw) > MAX_BYTES else READERS[source.kind].read(raw, content_type, source)
    return judge_document(document, source_name=source.name, default_region=region)


NO_WEB_SOURCES: Final = Formats(lambda: NO_SOURCES)
