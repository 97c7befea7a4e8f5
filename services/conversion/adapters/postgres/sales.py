"""Conversions, opportunities, reviews."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from services.conversion.domain.converting import Converted
from services.conversion.domain.parties import Conversion, Opportunity
from services.conversion.ports import Review
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work

# One statement for the three tables that say it, so that ids travel once: each value costs the client a fraction of a
# microsecond, and there are many.
_SAVE: Final = """
    WITH u AS (
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
                             $8::int[], $9::numeric[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
                             $15::text[], $16::text[], $17::uuid[], $18::text[])
            AS u (opportunity_id, conversion_id, lead_id, account_id, contact_id, name, stage, probability, amount,
                  currency, owner, queue, source, campaign, lines, trigger, event_id, event)
    ), opened AS (
        INSERT INTO opportunities (opportunity_id, conversion_id, lead_id, account_id, contact_id, name, stage,
                                   probability, amount, currency, owner, queue, source, campaign, lines,
                                   opportunity_version, created_at, changed_at)
        SELECT opportunity_id, conversion_id, lead_id, account_id, contact_id, name, stage, probability, amount,
               currency, owner, queue, source, campaign, lines, 1, $19, $19 FROM u
    ), noted AS (
        UPDATE leads SET conversion_id = u.conversion_id FROM u WHERE leads.lead_id = u.lead_id
    )
    INSERT INTO conversions (conversion_id, lead_id, account_id, contact_id, opportunity_id, trigger, event_id, event,
                             converted_at)
    SELECT conversion_id, lead_id, account_id, contact_id, opportunity_id, trigger, event_id, event, $19 FROM u
"""
OPPORTUNITY_COLUMNS: Final = """
    o.opportunity_id::text, o.conversion_id::text, o.lead_id::text, o.account_id::text, o.contact_id::text, o.name,
    o.stage, o.probability, o.amount, o.currency, o.owner, o.queue, o.source, o.campaign, o.lines,
    o.opportunity_version, o.changed_at
"""
_CONVERSIONS: Final = f"""
    SELECT {OPPORTUNITY_COLUMNS}, c.lead_id::text AS converted_lead_id, c.trigger, c.event_id::text, c.event
    FROM conversions c JOIN opportunities o USING (opportunity_id) WHERE c.conversion_id = ANY($1::uuid[])
"""
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


class PostgresSales:
    """What conversions made."""

    async def save(self, work: Work, converted: Sequence[Converted]) -> None:
        """Store conversions and opportunities, sorted by the lead that the caller has locked, and note them there."""
        if converted:
            opportunities, conversions = [c.opportunity for c in converted], [c.conversion for c in converted]
            await _save(work, opportunities, conversions)

    async def conversions_of(self, work: Work, conversion_ids: Sequence[str]) -> dict[str, Converted]:
        """Conversions by id, each with its opportunity's newest state."""
        rows = await work.fetch(_CONVERSIONS, conversion_ids) if conversion_ids else []
        return {row["conversion_id"]: Converted(_conversion(row), opportunity_of(row)) for row in rows}

    async def lock_opportunity(self, work: Work, opportunity_id: str) -> Opportunity | None:
        """One opportunity, locked."""
        rows = await work.fetch(_LOCK, opportunity_id)
        return opportunity_of(rows[0]) if rows else None

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


async def _save(work: Work, all_: Sequence[Opportunity], conversions: Sequence[Conversion]) -> None:
    await work.execute(
        _SAVE,
        [o.opportunity_id for o in all_],
        [o.conversion_id for o in all_],
        [o.lead_id for o in all_],
        [o.account_id for o in all_],
        [o.contact_id for o in all_],
        [o.name for o in all_],
        [o.stage for o in all_],
        [o.probability for o in all_],
        [o.amount for o in all_],
        [o.currency for o in all_],
        [o.owner for o in all_],
        [o.queue for o in all_],
        [o.source for o in all_],
        [o.campaign for o in all_],
        [orjson.dumps(o.lines).decode() for o in all_],
        [c.trigger for c in conversions],
        [c.event_id for c in conversions],
        [c.event.decode() for c in conversions],
        work.now,
    )


def opportunity_of(row: Any) -> Opportunity:
    """An opportunity from its row."""
    return Opportunity(
        row["opportunity_id"],
        row["conversion_id"],
        row["lead_id"],
        row["account_id"],
        row["contact_id"],
        row["name"],
        row["stage"],
        row["probability"],
        row["amount"],
        row["currency"],
        row["owner"],
        row["queue"],
        row["source"],
        row["campaign"],
        orjson.loads(row["lines"]),
        row["opportunity_version"],
        rfc3339(row["changed_at"]),
    )


def _conversion(row: Any) -> Conversion:
    return Conversion(
        row["conversion_id"],
        row["converted_lead_id"],
        row["account_id"],
        row["contact_id"],
        row["opportunity_id"],
        row["trigger"],
        row["event_id"],
        row["event"].encode(),
    )
