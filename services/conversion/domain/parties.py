"""Accounts, contacts, opportunities and conversions as conversion keeps them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from shared.contracts.lead_fields import facts_of

Key: TypeAlias = tuple[str, str]
"""A natural key: kind and value, such as `("domain", "example.com")`. One party at most holds it."""


@dataclass(slots=True)
class Party:
    """What accounts and contacts share: an id, facts that are filled and never overwritten, an owner."""

    id: str
    facts: dict[str, Any]
    created: bool = False
    changed: bool = False


@dataclass(slots=True)
class Account(Party):
    """A company, or a person who buys without one."""


@dataclass(slots=True)
class Contact(Party):
    """A person of an account; never moved to another one by a conversion."""

    account_id: str = ""


@dataclass(slots=True)
class LeadState:
    """The newest parts of a lead that conversion knows, each with its owner's version. Texts are JSON."""

    lead_id: str
    lead_version: int
    lead: dict[str, Any]
    lead_text: str
    score_version: int = 0
    score: dict[str, Any] | None = None
    assignment_version: int = 0
    assignment: dict[str, Any] | None = None
    origin: dict[str, Any] | None = None
    conversion_id: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What a gate may ask about: the lead with its amounts as numbers, score and assignment beside."""
        return {**facts_of(self.lead), "score": self.score, "assignment": self.assignment}


@dataclass(slots=True)
class Opportunity:
    """A sale to be won. `opportunity_version` counts its changes from 1."""

    opportunity_id: str
    conversion_id: str
    lead_id: str
    account_id: str
    contact_id: str
    name: str
    stage: str
    probability: int
    amount: Decimal | None = None
    currency: str | None = None
    owner: str | None = None
    queue: str | None = None
    source: str | None = None
    campaign: str | None = None
    lines: list[dict[str, Any]] = field(default_factory=list)
    opportunity_version: int = 1
    changed_at: str = ""


@dataclass(slots=True)
class Conversion:
    """One lead's conversion: at most one account, contact and opportunity each, once. `event` is the published JSON,
    kept so that a redelivery publishes the same bytes; `event_id` is the published event's."""

    conversion_id: str
    lead_id: str
    account_id: str
    contact_id: str
    opportunity_id: str
    trigger: str
    event_id: str
    event: bytes
