"""What conversion says: the data of its events, as JSON bytes (`shared/contracts/events/conversion.py`).

Built without pydantic on the hot path; the contract test validates these bytes.
"""

from typing import Any

import orjson

from services.conversion.domain.leads import Parts
from services.conversion.domain.money import amount_text
from services.conversion.domain.parties import Opportunity

CREATED = "created"


def converted_data(
    opportunity: Opportunity,
    parts: Parts,
    *,
    first_touch: dict[str, Any] | None,
    event_id: str,
    converted_at: str,
    account_created: bool,
    contact_created: bool,
    fields_mapped: list[str],
    reason: dict[str, Any],
) -> bytes:
    """The data of `opportunity.converted`, with the lead as it was."""
    amount = opportunity.amount
    return orjson.dumps(
        {
            "event_id": event_id,
            "opportunity_id": opportunity.opportunity_id,
            "account_id": opportunity.account_id,
            "contact_id": opportunity.contact_id,
            "lead_id": opportunity.lead_id,
            "conversion_id": opportunity.conversion_id,
            "converted_at": converted_at,
            "owner": opportunity.owner,
            "queue": opportunity.queue,
            "score": orjson.Fragment(bytes(parts.score)),
            "first_touch": first_touch,
            "source": opportunity.source,
            "campaign": opportunity.campaign,
            "name": opportunity.name,
            "stage": opportunity.stage,
            "probability": opportunity.probability,
            "pipeline": opportunity.pipeline,
            "amount": None if amount is None else amount_text(amount),
            "currency": opportunity.currency,
            "lines": opportunity.lines,
            "account_created": account_created,
            "contact_created": contact_created,
            "fields_mapped": fields_mapped,
            "lead_snapshot": orjson.Fragment(bytes(parts.lead)),
            "reason": reason,
            "origin": orjson.Fragment(bytes(parts.origin)),
        }
    )


def changed_data(opportunity: Opportunity, change: str) -> bytes:
    """The data of `opportunity.changed`: the newest state, and what changed."""
    amount = opportunity.amount
    return orjson.dumps(
        {
            "opportunity_id": opportunity.opportunity_id,
            "opportunity_version": opportunity.opportunity_version,
            "account_id": opportunity.account_id,
            "lead_id": opportunity.lead_id,
            "change": change,
            "stage": opportunity.stage,
            "probability": opportunity.probability,
            "amount": None if amount is None else amount_text(amount),
            "currency": opportunity.currency,
            "owner": opportunity.owner,
            "changed_at": opportunity.changed_at,
        }
    )
