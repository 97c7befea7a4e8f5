"""A lead's facts as they are published and shown."""

from collections.abc import Iterable
from typing import Any

from services.capture.domain.consent import iso_utc
from services.capture.domain.fact_shape import Facts, Layer, LeadFacts
from services.capture.domain.facts import moment_of
from services.capture.domain.identity import external_key
from services.capture.domain.vocabulary import UNMAPPED


def lead_view(state: LeadFacts, lead_id: str) -> dict[str, Any]:
    """The lead, JSON-ready. Amounts are strings beside their currency, times ISO 8601 in UTC, absent fields null."""
    layers = [layer.facts for layer in state.layers]
    values = _latest_values(layers)
    emails = [entry for facts in layers for entry in facts.get("e", ())]
    phones = [entry for facts in layers for entry in facts.get("p", ())]
    addresses = [entry[1] for entry in emails if entry[1]]
    numbers = [entry[1] for entry in phones if entry[1]]
    kind = next((entry[3] for entry in emails if entry[1]), None)
    first, last = values.get("first_name"), values.get("last_name")
    source, detail, sent_as = _earliest(layers, "source") or (None, None, None)
    first_touch = _touch(state.layers[0])
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
        "name": values.get("name") or " ".join(part for part in (first, last) if part) or None,
        "title": values.get("title"),
        "company": _company(values, emails),
        "address": values.get("address", {}),
        "source": source or UNMAPPED,
        "source_detail": detail,
        "source_raw": sent_as,
        "campaign": _earliest(layers, "campaign"),
        "message": values.get("message"),
        "budget": _money(values.get("budget")),
        "products": values.get("products", []),
        "first_touch": first_touch,
        "last_touch": first_touch if len(layers) == 1 else _touch(state.layers[-1]),
        "touch_count": state.counted + len(layers),
        "consent": _consent(layers),
        "external_ids": [external_key(pair[0], pair[1]).value for facts in layers for pair in facts.get("i", ())],
        "warnings": _warnings(layers, emails, phones),
        "extra": _extra(layers),
        "raw": _originals(layers, emails, phones),
    }


def _latest_values(layers: Iterable[Facts]) -> dict[str, Any]:
    """The winners; a full name is given up when a later record named the parts."""
    values: dict[str, Any] = {}
    for facts in layers:
        given = facts.get("f")
        if given:
            if "name" in values and "name" not in given and ("first_name" in given or "last_name" in given):
                del values["name"]
            values.update(given)
    return values


def _earliest(layers: Iterable[Facts], unit: str) -> Any:
    return next((facts["o"][unit] for facts in layers if unit in facts.get("o", ())), None)


def _company(values: dict[str, Any], emails: list[list[str | None]]) -> dict[str, Any]:
    """The company text, without parts that are not known; its domain from the website, else from the first e-mail that is the company's own."""
    name, key = values.get("company.name", (None, None))
    website, domain = values.get("company.website", (None, None))
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
    return {"at": iso_utc(moment_of(layer.stamp)), "record_id": layer.stamp.record_id, **layer.facts.get("t", {})}


def _consent(layers: list[Facts]) -> dict[str, Any]:
    """Purposes with their verdict, and the evidence of the newest refusal, else of the newest agreement."""
    purposes: dict[str, Any] = {}
    evidence: dict[str, Any] = {}
    refused = False
    for facts in layers:
        given = facts.get("c")
        if given:
            purposes.update(given)
            refuses = not all(given.values())
            if refuses or not refused:
                evidence = facts.get("k", {})
            refused = refused or refuses
    return {**purposes, **evidence}


def _warnings(layers: list[Facts], emails: list[list[str | None]], phones: list[list[str | None]]) -> list[str]:
    found = {code for facts in layers for codes in facts.get("w", {}).values() for code in codes}
    if any(entry[1] is None for entry in emails):
        found.add("email_invalid")
    for entry in phones:
        if entry[1] is None:
            found.add("phone_unparseable")
        elif entry[0] is None:
            found.add("phone_placeholder")
    return sorted(found)


def _extra(layers: list[Facts]) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    for facts in layers:
        extra.update(facts.get("x", {}))
    return extra


def _originals(layers: list[Facts], emails: list[list[str | None]], phones: list[list[str | None]]) -> dict[str, Any]:
    """What was sent where normalisation changed it, by dotted field."""
    raw: dict[str, Any] = {}
    for facts in layers:
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
