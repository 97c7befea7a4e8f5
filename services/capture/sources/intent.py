"""Companies that a provider saw, mined or heard of: a target each, known by the provider and the company's domain."""

import math
from collections.abc import Mapping
from typing import Any, Final

from services.capture.domain.normalise.company import registrable_domain
from services.capture.domain.normalise.email import mailboxes_of
from services.capture.domain.placing import FieldMapping
from services.capture.domain.refusal import Refused, refuse
from services.capture.sources.composing import compose
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.gathering import Gathered, text_of
from services.capture.sources.generic import json_inputs
from services.capture.sources.protocol import Document

# What the provider says happened, and the place of its word in the vocabulary of sources.
_KINDS: Final = {"company.visited": "website", "company.mined": "list/mined", "company.intent": "other"}
_STEERING: Final = frozenset({"id", "type", "at", "test", "domain"})
_TEXTS: Final = ("topic", "competitor", "cost")
_NUMBERS: Final = ("strength", "confidence")
_BUILT_IN: Final = FieldMapping(
    "intent@1", {"name": "company.name", "size": "company.employees", "provider": "extra", "url": "extra"}
)


class Intent(Gathered):
    """See protocol.WebSource."""

    def read(self, raw: bytes, content_type: str, source: ConfiguredSource | None) -> Document | Refused:
        """What the provider claims stands in `extra` as `intent_…`, beside who claims it; the company by its fields."""
        found = json_inputs(raw)
        if isinstance(found, Refused):
            return found
        values = dict(found)
        kind, domain = values.get("type"), company_domain(values.get("domain"))
        if not isinstance(kind, str) or kind not in _KINDS:
            return refuse("invalid_value", "type")
        if domain is None:
            return refuse("no_identifier", "domain")
        provider = text_of(values, "provider") or (source.name if source is not None else "unknown")
        claims = _claims(values)
        parts: dict[str, Any] = {
            "external_id": f"{provider.lower()}:{domain}"[:256],
            "state": "target",
            "test": values.get("test") is True or None,
            "company": {"website": domain},
            "extra": {"intent_kind": kind, "intent_provider": provider, **claims},
        }
        taken = {"provider", *(name.removeprefix("intent_") for name in claims)} | _STEERING
        inputs = [(name, value) for name, value in found if name not in taken]
        return compose(inputs, source, built_in=_BUILT_IN, lead_source=_KINDS[kind], parts=parts)


def company_domain(given: Any) -> str | None:
    """The registrable domain; None for what is none, or belongs to a provider of mailboxes and so to no company."""
    domain = registrable_domain(given.strip()) if isinstance(given, str) and len(given) <= 2048 else None
    return domain if domain is not None and mailboxes_of(domain)[0] == "company" else None


def _claims(values: Mapping[str, Any]) -> dict[str, Any]:
    """The claims that can be read: texts, an amount of money as it is written, finite numbers. Others stay as they came."""
    texts = {f"intent_{name}": text for name in _TEXTS if (text := text_of(values, name)) is not None}
    return texts | {f"intent_{name}": values[name] for name in _NUMBERS if _is_number(values.get(name))}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
