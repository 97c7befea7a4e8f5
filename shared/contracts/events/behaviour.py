"""Behaviour and engagement, as sources send it and stitched to leads; the journeys that follow from it."""

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from shared.contracts.base import Contract
from shared.contracts.events.lead import Origin


class BehaviourSubmitted(Contract):
    """What somebody did, as a source saw it: a visit, a click, an opened e-mail. Unknown fields are kept."""

    TYPE: ClassVar[str] = "behaviour.submitted"

    model_config = ConfigDict(extra="allow")

    kind: str | None = Field(None, description="What was done: `page.viewed`, `mail.opened`, or the source's own word")
    id: str | None = Field(None, description="The source's own id of the event; the same one again changes nothing")
    at: str | None = Field(None, description="When, RFC 3339; the time of receipt where it is missing or cannot be")
    visitor_id: str | None = Field(None, description="A cookie's id: weak, it never joins two people")
    email: str | None = None
    phone: str | None = None
    external_id: str | None = Field(None, description="The source's own id of the lead")
    lead_id: str | None = None
    consent: bool | None = Field(None, description="Whether the visitor agreed to be followed; browsers must say it")
    properties: dict[str, Any] = {}


class LeadBehaved(Contract):
    """Behaviour stitched to a lead. `ce_time` is when it happened."""

    TYPE: ClassVar[str] = "lead.behaved"

    lead_id: str
    kind: str
    occurred_at: str
    source: str | None = None
    properties: dict[str, Any] = {}
    category: str | None = Field(None, description="Of a page: pricing, product, blog, ...")
    dwell_s: float | None = Field(None, description="Seconds in which the page was visible, as far as it is known")
    search_term: str | None = Field(None, description="What was looked for: on the site, by referrer or `utm_term`")
    topics: list[str] = Field([], description="Of a page, from its tags")
    material_id: str | None = Field(None, description="The literature, file or document that this is about")
    message_id: str | None = Field(None, description="The e-mail that this is about")
    campaign: str | None = None
    visitor: str | None = Field(None, description="A digest of the visitor's id")
    matched_by: str | None = Field(None, description="lead_id, external_id, email, phone, or visitor")
    linked_by: str | None = Field(None, description="The event by which the visitor became known, where it was that")
    human_probability: float | None = Field(None, description="0 to 1, of opens, clicks, downloads and visits")
    human: bool = Field(True, description="False: a machine's; it is kept and counts for nothing")
    bot_reasons: list[str] = []
    origin: Origin | None = None


class BehaviourCorrected(Contract):
    """An earlier `lead.behaved` is seen otherwise now: a machine did it after all, or it was another person's."""

    TYPE: ClassVar[str] = "behaviour.corrected"

    lead_id: str
    corrects: str = Field(description="The event id of the `lead.behaved`")
    change: Literal["reclassified", "retracted"]
    kind: str
    occurred_at: str
    human_probability: float | None = None
    human: bool = True
    bot_reasons: list[str] = []
    reason: str
    corrected_at: str


class BehaviourSettled(Contract):
    """What became of an event that no lead is known for (yet), or that was refused."""

    TYPE: ClassVar[str] = "behaviour.settled"

    outcome: Literal["anonymous", "rejected", "repeated", "test"]
    reason: str
    field: str | None = None
    origin: Origin


class JourneyAdvanced(Contract):
    """A lead took a step of a nurturing journey. Nothing of what is said to the lead is in it, nor its address."""

    TYPE: ClassVar[str] = "journey.advanced"

    lead_id: str
    journey: str
    step: str
    advanced_at: str
    run_id: str
    action: str = Field(
        description="entered, sent, offered, skipped, held, waits, branched, ended, exited; more may come. sent and offered:"
        " decided, and sent once this is published"
    )
    reason: str | None = Field(None, description="Of skipped, held, branched (where to) and exited")
    send_id: str | None = Field(None, description="The idempotency key that channels get")
    channel: str | None = None
    template: str | None = None
    code: str | None = Field(None, description="Of offered: good for one redemption")
    until: str | None = Field(None, description="Until when a run waits or is held, or an offer is valid")
    rules_version: int = Field(description="The version of the journeys that was live")
