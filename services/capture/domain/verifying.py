"""What a verifier is asked and answers, and the one that needs nobody: what can be told of addresses without a network."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import phonenumbers

from services.capture.domain.fact_shape import LeadFacts
from services.capture.domain.identifiers import is_empty_address, is_role_address
from services.capture.domain.normalise.company import has_known_ending
from services.capture.domain.normalise.email import domain_of, mailboxes_of

RISKS: Final = ("email_disposable", "email_placeholder", "email_role", "phone_unassigned")
"""What the offline verifier doubts; each becomes a warning of the lead."""


class Contact(NamedTuple):
    """What a verifier is told of a lead: what it needs to look somebody up, and nothing else."""

    lead_id: str
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    name: str | None = None
    title: str | None = None
    company: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a verifier found out about a lead. `undeliverable` and `unreachable` are addresses and numbers of its that
    lead to nobody; `risks` are doubts, `confirmed` fields that still hold, `facts` what holds now (title, company.name)."""

    lead_id: str
    undeliverable: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def contact_of(lead_id: str, facts: LeadFacts) -> Contact:
    """What a verifier is told of a lead."""
    known: dict[str, Any] = {unit: value for layer in facts.layers for unit, value in layer.facts.get("f", {}).items()}
    parts = [known[part] for part in ("first_name", "last_name") if known.get(part)]
    return Contact(
        lead_id,
        tuple(entry[1] for layer in facts.layers for entry in layer.facts.get("e", ()) if entry[1]),
        tuple(entry[1] for layer in facts.layers for entry in layer.facts.get("p", ()) if entry[1]),
        " ".join(parts) or known.get("name"),
        known.get("title"),
        known.get("company.name", (None,))[0],
    )


def verify_offline(contact: Contact) -> Finding:
    """An address whose ending does not exist leads to nobody. What only looks doubtful is a risk: tables lag behind."""
    lost = tuple(email for email in contact.emails if not has_known_ending(domain_of(email)))
    risks = {risk for email in contact.emails for risk in _risks_of(email)}
    if any(not _is_assigned(phone) for phone in contact.phones):
        risks.add("phone_unassigned")
    return Finding(contact.lead_id, undeliverable=lost, risks=tuple(sorted(risks)))


def together(findings: Iterable[Finding]) -> dict[str, Finding]:
    """What several verifiers found, lead by lead; of two facts the later verifier's stands."""
    found: dict[str, Finding] = {}
    for one in findings:
        held = found.get(one.lead_id)
        found[one.lead_id] = one if held is None else _joined(held, one)
    return found


def _joined(one: Finding, other: Finding) -> Finding:
    return Finding(
        one.lead_id,
        tuple(dict.fromkeys(one.undeliverable + other.undeliverable)),
        tuple(dict.fromkeys(one.unreachable + other.unreachable)),
        tuple(sorted({*one.risks, *other.risks})),
        tuple(dict.fromkeys(one.confirmed + other.confirmed)),
        {**one.facts, **other.facts},
    )


def _risks_of(email: str) -> Iterable[str]:
    key = email.lower()
    if mailboxes_of(domain_of(key)).kind == "disposable":
        yield "email_disposable"
    if is_empty_address(key):
        yield "email_placeholder"
    elif is_role_address(key):
        yield "email_role"


def _is_assigned(e164: str) -> bool:
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(e164)))
    except phonenumbers.NumberParseException:
        return False
