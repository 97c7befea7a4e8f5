"""The lead as events carry it, and where a record came from."""

from typing import Any

from pydantic import Field

from shared.contracts.base import Contract


class Money(Contract):
    """An amount as decimal text ("12000000.00") and an ISO 4217 currency; None where the source gave none."""

    amount: str
    currency: str | None = None


class Company(Contract):
    """Company facts as text on the lead; a record of its own only after conversion."""

    name: str | None = None
    name_key: str | None = Field(None, description="Name folded for comparison, legal suffix removed")
    website: str | None = None
    domain: str | None = Field(None, description="Registrable domain of website or business e-mail")
    industry: str | None = None
    employees: int | None = None
    annual_revenue: Money | None = None


class Address(Contract):
    """One value: street to country (ISO 3166-1 alpha-2) belong together."""

    street: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


class Contactable(Contract):
    """Whom a lead can be reached by, as far as anything is known against it; absent: nothing is."""

    email: bool | None = None
    phone: bool | None = None
    any: bool | None = Field(None, description="False: no way is left")
    reasons: dict[str, str] = Field({}, description="By channel: bounced, invalid_email, invalid_phone, opted_out")


class LeadList(Contract):
    """The list that a person came with first."""

    name: str
    vendor: str | None = None
    cost: Money | None = Field(None, description="What the whole list cost")
    params: dict[str, Any] = {}


class PreviousCompany(Contract):
    """Where somebody worked before."""

    name: str
    title: str | None = None
    until: str = Field(description="When it was known that this is no longer so, RFC 3339")


class Lead(Contract):
    """An unqualified person with company text, keyed `lead_id`: the state of all facts known so far."""

    lead_id: str
    email: str | None = None
    emails: list[str] = []
    email_free: bool = False
    email_disposable: bool = False
    phone: str | None = Field(None, description="E.164")
    phones: list[str] = []
    first_name: str | None = None
    last_name: str | None = None
    name: str | None = None
    title: str | None = None
    company: Company = Company()
    address: Address = Address()
    source: str = "unmapped"
    source_detail: str | None = None
    source_raw: str | None = None
    campaign: str | None = None
    message: str | None = None
    budget: Money | None = None
    products: list[str] = []
    first_touch: dict[str, Any] | None = Field(None, description="Never overwritten: the earliest touch")
    last_touch: dict[str, Any] | None = None
    touch_count: int = 0
    consent: dict[str, Any] | None = None
    external_ids: list[str] = []
    warnings: list[str] = []
    extra: dict[str, Any] = {}
    raw: dict[str, Any] = Field({}, description="Original values that normalisation changed")
    state: str = Field(
        "lead", description="target: listed, has not responded; expired: a target that never did; else lead"
    )
    contactable: Contactable = Contactable()
    stale_fields: list[str] = Field([], description="Fields that nobody has confirmed for long")
    previous_companies: list[PreviousCompany] = []
    entered_by: str | None = Field(None, description="Who typed the lead in first; null where nobody did")
    referrer_ref: str | None = Field(
        None, description="Who referred the person first: `email:`, `lead:`, `contact:` or `account:`, and which"
    )
    list: LeadList | None = None


class Coordinates(Contract):
    """Where a record stands in Kafka. `topic_id` tells a recreated topic from its predecessor."""

    topic: str
    topic_id: str
    partition: int
    offset: int


class Origin(Contract):
    """The submission that an event goes back to; carried along so that every stage can tell its age."""

    receipt_id: str
    source: str = Field(description="The name of the source as its key or header gave it")
    received_at: str
    inbound: Coordinates
