"""A lead's facts as they are published and shown."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from services.capture.domain.fact_shape import EmailEntry, Facts, Layer, LeadFacts, PhoneEntry
from services.capture.domain.facts import instant_of
from services.capture.domain.identity import external_value
from services.capture.domain.lifecycle import lifecycle_fields
from services.capture.domain.thinning import touches_of
from services.capture.domain.vocabulary import UNMAPPED

_NOTHING: Final[dict[str, Any]] = {}
_NONE: Final[list[list[str | None]]] = []
_COMPANY: Final = ("name", "name_key", "website", "domain", "industry", "employees")
_NO_SOURCE: Final = (None, None, None)
_UNKNOWN: Final = (None, None)


def lead_view(state: LeadFacts, lead_id: str) -> dict[str, Any]:
    """The lead, JSON-ready. Amounts are strings beside their currency, times ISO 8601 in UTC, absent fields null."""
    layers = state.layers
    if len(layers) == 1:
        facts, touch = layers[0].facts, touch_of(layers[0])
        view = _view(facts, lead_id, touch, touch, state.counted + 1)
    else:
        facts, touches = _joined([layer.facts for layer in layers]), touches_of(layers)
        view = _view(
            facts,
            lead_id,
            touch_of(touches[0]),
            touch_of(touches[-1]),
            state.counted + len(state.silent) + len(touches),
        )
    if "m" in facts:
        view.update(lifecycle_fields(state))
    if "o" in facts:
        _add_firsts(view, facts["o"])
    return view


def _view(
    facts: Facts, lead_id: str, first_touch: dict[str, Any], last_touch: dict[str, Any], touches: int
) -> dict[str, Any]:
    value, firsts = facts.get("f", _NOTHING).get, facts.get("o", _NOTHING)
    emails, phones = facts.get("e", _NONE), facts.get("p", _NONE)
    source, detail, sent_as = firsts.get("source", _NO_SOURCE)
    first, last = value("first_name"), value("last_name")
    addresses = [entry[1] for entry in emails if entry[1]]
    numbers = [entry[1] for entry in phones if entry[1]] if phones else []
    kind = _mailbox_kind(emails)
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
        "name": value("name") or _full_name(first, last),
        "title": value("title"),
        "company": _company(value, emails),
        "address": value("address", _NOTHING),
        "source": source or UNMAPPED,
        "source_detail": detail,
        "source_raw": sent_as,
        "campaign": firsts.get("campaign"),
        "message": value("message"),
        "budget": _money(value("budget")),
        "products": value("products", _NONE),
        "first_touch": first_touch,
        "last_touch": last_touch,
        "touch_count": touches,
        "consent": {**facts["c"], **facts.get("k", _NOTHING)} if "c" in facts else {},
        "external_ids": [external_value(*pair) for pair in facts["i"]] if "i" in facts else [],
        "warnings": _warnings(facts, emails, phones),
        "extra": facts.get("x", _NOTHING),
        "raw": _originals(facts, emails, phones),
    }


def _joined(layers: Sequence[Facts]) -> Facts:
    """What the layers say together, but for the touches. Each unit is in one layer only, but for a full name, which is
    given up when a later record named the parts, and for products, of which several may keep some."""
    f: dict[str, Any] = {}
    products: list[str] = []
    for facts in layers:
        given = facts.get("f", {})
        if "name" in f and "name" not in given and ("first_name" in given or "last_name" in given):
            del f["name"]
        f.update(given)
        if "products" in given:
            f["products"] = products = products + given["products"]
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
        "m": {unit: said for facts in layers for unit, said in facts.get("m", {}).items()},
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


def _mailbox_kind(emails: Sequence[EmailEntry]) -> str | None:
    """Of the first address."""
    for entry in emails:
        if entry[1]:
            return entry[3]
    return None


def _company(value: Callable[..., Any], emails: Sequence[EmailEntry]) -> dict[str, Any]:
    """The company text, without parts that are not known; its domain from the website, else from the first e-mail that is the company's own."""
    website, domain = value("company.website", _UNKNOWN)
    if domain is None:
        for entry in emails:
            if entry[3] == "company":
                domain = entry[4]
                break
    name, key = value("company.name", _UNKNOWN)
    parts = (name, key, website, domain, value("company.industry"), value("company.employees"))
    company = {part: known for part, known in zip(_COMPANY, parts, strict=True) if known is not None}
    if revenue := value("company.annual_revenue"):
        company["annual_revenue"] = _money(revenue)
    return company


def _money(pair: list[str | None] | None) -> dict[str, str | None] | None:
    return {"amount": pair[0], "currency": pair[1]} if pair else None


def _add_firsts(view: dict[str, Any], firsts: dict[str, Any]) -> None:
    """What few leads have: a list, whoever typed them in, whoever referred them."""
    if "list" in firsts:
        view["list"] = _list(firsts["list"])
    if "entered_by" in firsts:
        view["entered_by"] = firsts["entered_by"]
    if "referrer_ref" in firsts:
        view["referrer_ref"] = firsts["referrer_ref"]


def _list(listed: dict[str, Any]) -> dict[str, Any]:
    return {**listed, "cost": _money(listed.get("cost"))}


def touch_of(layer: Layer) -> dict[str, Any]:
    """How the person came by one submission, and when."""
    received_us, record_id = layer.stamp
    return {"at": instant_of(received_us), "record_id": record_id, **layer.facts.get("t", {})}


def _warnings(facts: Facts, emails: Sequence[EmailEntry], phones: Sequence[PhoneEntry]) -> list[str]:
    found: set[str] = set()
    if "w" in facts:
        found.update(*facts["w"].values())
    for entry in emails:
        if entry[1] is None:
            found.add("email_invalid")
    for entry in phones:
        if entry[1] is None:
            found.add("phone_unparseable")
        elif entry[0] is None:
            found.add("phone_placeholder")
    return sorted(found) if found else []


def _originals(facts: Facts, emails: Sequence[EmailEntry], phones: Sequence[PhoneEntry]) -> dict[str, Any]:
    """What was sent where normalisation changed it, by dotted field."""
    raw: dict[str, Any] = {}
    if "r" in facts:
        for unit, sent in facts["r"].items():
            if unit == "address":
                raw.update({f"address.{part}": value for part, value in sent.items()})
            else:
                raw[unit] = sent
    for entry in emails:
        if entry[2] is not None:
            raw.setdefault("emails", []).append(entry[2])
    for entry in phones:
        if entry[2] is not None:
            raw.setdefault("phones", []).append(entry[2])
    return raw
