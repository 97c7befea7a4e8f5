"""Offers in Postgres: a code is used up once, by the event that came first."""

from collections.abc import Mapping, Sequence
from typing import Final

from services.scoring.journeys.ports import Redeeming, Redemption
from shared.handling.work import Work

_LOCK: Final = "SELECT 1 FROM journey_sends WHERE code = ANY($1::text[]) ORDER BY send_id FOR UPDATE"
_REDEEM: Final = """
    WITH first AS (
        SELECT DISTINCT ON (u.code) u.* FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
            WITH ORDINALITY AS u (event_id, code, amount, currency, at, place) ORDER BY u.code, u.place
    )
    UPDATE journey_sends s SET redeemed_by = f.event_id, redeemed_at = f.at, amount = f.amount::numeric, currency = f.currency
    FROM first f WHERE s.code = f.code AND s.redeemed_by IS NULL AND s.valid_until >= f.at
"""
_REDEEMED: Final = """
    SELECT redeemed_by::text, send_id::text, run_id::text, lead_id::text, journey, step, code, amount::text, currency,
           redeemed_at
    FROM journey_sends WHERE redeemed_by = ANY($1::uuid[])
"""


class PostgresOffers:
    """The part of `JourneyBook` about offers."""

    async def redeem(self, work: Work, said: Sequence[Redeeming]) -> Mapping[str, Redemption]:
        """See JourneyBook."""
        await work.execute(_LOCK, [each.code for each in said])
        await work.execute(_REDEEM, *zip(*said, strict=True))
        rows = await work.fetch(_REDEEMED, [each.event_id for each in said])
        return {event_id: Redemption(*rest) for event_id, *rest in rows}
