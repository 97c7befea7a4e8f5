"""Conversions, opportunities, reviews."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import orjson

from services.conversion.domain.converting import Converted
from services.conversion.domain.parties import Conversion, Opportunity
from services.conversion.ports import Review
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work

_STORED: Final = ("opportunity_id", "lead_id", "account_id", "contact_id", "event")
OPPORTUNITY_COLUMNS: Final = """
    o.opportunity_id::text, o.lead_id::text, o.account_id::text, o.contact_id::text, o.stage, o.probability, o.amount,
    o.currency, o.owner, o.opportunity_version, o.changed_at, o.event
"""
_CONVERSIONS: Final = f"SELECT {OPPORTUNITY_COLUMNS} FROM opportunities o WHERE o.opportunity_id = ANY($1::uuid[])"
_LOCK: Final = f"SELECT {OPPORTUNITY_COLUMNS} FROM opportunities o WHERE o.opportunity_id = $1 FOR UPDATE"
_CHANGE: Final = """
    UPDATE opportunities SET stage = $2, probability = $3, amount = $4, currency = $5, owner = $6,
        opportunity_version = $7, changed_at = $8
    WHERE opportunity_id = $1
"""
_REVIEW: Final = """
    INSERT INTO reviews (review_id, kind, lead_id, other_lead_id, conversion_id, other_conversion_id, opened_at)
    VALUES ($1, 'both_converted', $2, $3, $4, $5, $6) ON CONFLICT (review_id) DO NOTHING
"""
_CLOSE: Final = """
    UPDATE reviews SET closed_at = $3
    WHERE kind = 'both_converted' AND lead_id = $1 AND other_lead_id = $2 AND closed_at IS NULL
"""


class PostgresSales:
    """What conversions made: one row each, the opportunity beside what was published of its conversion."""

    async def save(self, work: Work, converted: Sequence[Converted]) -> None:
        """Store conversions and opportunities."""
        rows = [_row(one) for one in converted]
        await work.db.copy_records_to_table("opportunities", records=rows, columns=_STORED)

    async def conversions_of(self, work: Work, opportunity_ids: Sequence[str]) -> dict[str, Converted]:
        """Conversions by the opportunity that they made, each with its newest state."""
        rows = await work.fetch(_CONVERSIONS, opportunity_ids) if opportunity_ids else []
        return {row["opportunity_id"]: _converted(row) for row in rows}

    async def lock_opportunity(self, work: Work, opportunity_id: str) -> Opportunity | None:
        """One opportunity, locked."""
        rows = await work.fetch(_LOCK, opportunity_id)
        return opportunity_of(rows[0], orjson.loads(rows[0]["event"])) if rows else None

    async def save_changed(self, work: Work, opportunity: Opportunity) -> None:
        """Store an opportunity's change; the caller holds its lock."""
        o = opportunity
        await work.execute(
            _CHANGE, o.opportunity_id, o.stage, o.probability, o.amount, o.currency, o.owner, o.opportunity_version,
            work.now,
        )  # fmt: skip

    async def open_review(self, work: Work, review: Review) -> None:
        """Open a review, once."""
        r = review
        await work.execute(
            _REVIEW, r.review_id, r.lead_id, r.other_lead_id, r.conversion_id, r.other_conversion_id, work.now
        )

    async def close_review(self, work: Work, lead_id: str, other_lead_id: str) -> None:
        """Close the review about two leads that are two people after all."""
        await work.execute(_CLOSE, lead_id, other_lead_id, work.now)


def _row(converted: Converted) -> tuple[Any, ...]:
    o = converted.opportunity
    return (o.opportunity_id, o.lead_id, o.account_id, o.contact_id, converted.conversion.event)


def _converted(row: Any) -> Converted:
    said = orjson.loads(row["event"])
    return Converted(Conversion(said["conversion_id"], said["event_id"], row["event"]), opportunity_of(row, said))


def opportunity_of(row: Any, said: dict[str, Any]) -> Opportunity:
    """An opportunity from its row and the data of its `opportunity.converted`: until its first change it is as that says."""
    changed = row["opportunity_version"] > 1
    newest = row if changed else said
    amount = newest["amount"]
    return Opportunity(
        row["opportunity_id"],
        said["conversion_id"],
        row["lead_id"],
        row["account_id"],
        row["contact_id"],
        said["name"],
        newest["stage"],
        newest["probability"],
        amount if changed or amount is None else Decimal(amount),
        newest["currency"],
        newest["owner"],
        said["queue"],
        said["source"],
        said["campaign"],
        said["lines"],
        row["opportunity_version"],
        rfc3339(row["changed_at"]) if changed else said["converted_at"],
        said.get("pipeline"),
    )
