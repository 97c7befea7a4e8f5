"""Accounts, contacts, opportunities and conversions as conversion keeps them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


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
class Opportunity:
    """A sale to be won. `opportunity_version` counts its changes from 1. `pipeline` is the version of the stages that it began
    in (`RulesUsed` as a dict)."""

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
    pipeline: dict[str, Any] | None = None


@dataclass(slots=True)
class Conversion:
    """One lead's conversion: at most one account, contact and opportunity each, once. `event` is the published JSON,
    kept so that a redelivery publishes the same bytes; `event_id` is the published event's."""

    conversion_id: str
    event_id: str
    event: bytes
