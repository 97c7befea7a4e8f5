"""A lead's facts as they are published and shown."""

from collections.abc import Sequence
from typing import Any, Final

from services.capture.domain.fact_shape import EmailEntry, Facts, Layer, LeadFacts, PhoneEntry
from services.capture.domain.facts import instant_of
from services.capture.domain.identity import external_key
from services.capture.domain.vocabulary import UNMAPPED

_NO_SOURCE: Final = (None, None, None)
_UNKNOWN: Final = (None, None)


def lead_view(state: LeadFacts, lead_id: str) -> dict[str, Any]:
    """The lead, JSON-ready. Amounts are strings beside their currency, times ISO 8601 in UTC, absent fields null."""
    layers = state.layers
    one = len(layers) == 1
    facts = layers[0].facts if one else _joined([layer.facts for layer in layers])
    values, firsts = facts.get("f", {}), facts.get("o", {})
    emails, phones = facts.get("e", []), facts.get("p", [])
    addresses = [entry[1] for entry in emails if entry[1]]
    numbers = [entry[1] for entry in phones if entry[1]]
    kind = next((entry[3] for entry in emails if entry[1]), None)
    first, last = values.get("first_name"), values.get("last_name")
    source, detail, sent_as = firsts.get("source", _NO_SOURCE)
    first_touch = _touch(layers[0])
    return {
        "lead_id": lead_id,
        "email": addresses[0] if addresses else None,
        "emails": addresses,
        "email_free": kind == "free",
        "email_disposable": kind == "disposable",
        "phone": numbers[0] if numbers else None,
        "phones": numbers,
        "first_name": first,
        "last_name": last,
        "name": values.get("name") or _full_name(first, last),
        "title": values.get("title"),
        "company": _company(values, emails),
        "address": values.get("address", {}),
        "source": source or UNMAPPED,
        "source_detail": detail,
        "source_raw": sent_as,
        "campaign": firsts.get("campaign"),
        "message": values.get("message"),
        "budget": _money(values.get("budget")),
        "products": values.get("products", []),
        "first_touch": first_touch,
        "last_touch": first_touch if one else _touch(layers[-1]),
        "touch_count": state.counted + len(layers),
        "consent": {**facts.get("c", {}), **facts.get("k", {})},
        "external_ids": [external_key(pair[0], pair[1]).value for pair in facts.get("i", ())],
        "warnings": _warnings(facts, emails, phones),
        "extra": facts.get("x", {}),
        "raw": _originals(facts, emails, phones),
    }


def _joined(layers: Sequence[Facts]) -> Facts:
    """What the layers say together, but for the touches. Each unit is in one layer only, but for a full name, which is
    given up when a later record named the parts."""
    f: dict[str, Any] = {}
    for facts in layers:
        given = facts.get("f", {})
        if "name" in f and "name" not in given and ("first_name" in given or "last_name" in given):
            del f["name"]
        f.update(given)
    return {
        "f": f,
        "o": {unit: value for facts in reversed(layers) for unit, value in facts.get("o", {}).items()},
        "e": [entry for facts in layers for entry in facts.get("e", ())],
        "p": [entry for facts in layers for entry in facts.get("p", ())],
        "i": [pair for facts in layers for pair in facts.get("i", ())],
        "r": {unit: sent for facts in layers for unit, sent in facts.get("r", {}).items()},
        "w": {unit: codes for facts in layers for unit, codes in facts.get("w", {}).items()},
        "x": {key: value for facts in layers for key, value in facts.get("x", {}).items()},
        "c": {purpose: said for facts in layers for purpose, said in facts.get("c", {}).items()},
        "k": _evidence(layers),
    }


def _evidence(layers: Sequence[Facts]) -> dict[str, Any]:
    """Of the newest refusal of consent, else of the newest agreement."""
    evidence: dict[str, Any] = {}
    refused = False
    for facts in layers:
        given = facts.get("c")
        if given:
            refuses = not all(given.values())
            if refuses or not refused:
                evidence = facts.get("k", {})
            refused = refused or refuses
    return evidence


def _full_name(first: str | None, last: str | None) -> str | None:
    return f"{first} {last}" if first and last else first or last


def _company(values: dict[str, Any], emails: Sequence[EmailEntry]) -> dict[str, Any]:
    """The company text, without parts that are not known; its domain from the website, else from the first e-mail that is the company's own."""
    name, key = values.get("company.name", _UNKNOWN)
    website, domain = values.get("company.website", _UNKNOWN)
    if domain is None:
        domain = next((entry[4] for entry in emails if entry[3] == "company"), None)
    company = {
        "name": name,
        "name_key": key,
        "website": website,
        "domain": domain,
        "industry": values.get("company.industry"),
        "employees": values.get("company.employees"),
        "annual_revenue": _money(values.get("company.annual_revenue")),
    }
    return {part: value for part, value in company.items() if value is not None}


def _money(pair: list[str | None] | None) -> dict[str, str | None] | None:
    return {"amount": pair[0], "currency": pair[1]} if pair else None


def _touch(layer: Layer) -> dict[str, Any]:
    received_us, record_id = layer.stamp
    return {"at": instant_of(received_us), "record_id": record_id, **layer.facts.get("t", {})}


def _warnings(facts: Facts, emails: Sequence[EmailEntry], phones: Sequence[PhoneEntry]) -> list[str]:
    found = {code for codes in facts.get("w", {}).values() for code in codes}
    if any(entry[1] is None for entry in emails):
        found.add("email_invalid")
    for entry in phones:
        if entry[1] is None:
            found.add("phone_unparseable")
        elif entry[0] is None:
            found.add("phone_placeholder")
    return sorted(found)


def _originals(facts: Facts, emails: Sequence[EmailEntry], phones: Sequence[PhoneEntry]) -> dict[str, Any]:
    """What was sent where normalisation changed it, by dotted field."""
    raw: dict[str, Any] = {}
    for unit, sent in facts.get("r", {}).items():
        if unit == "address":
            raw.update({f"address.{part}": value for part, value in sent.items()})
        else:
            raw[unit] = sent
    for field, entries in (("emails", emails), ("phones", phones)):
        changed = [entry[2] for entry in entries if entry[2] is not None]
        if changed:
            raw[field] = changed
    return raw
