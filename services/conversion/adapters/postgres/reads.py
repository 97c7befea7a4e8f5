"""What HTTP reads of accounts, contacts and opportunities. Changes nothing."""

from datetime import UTC, datetime
from typing import Any, Final

import orjson

from services.conversion.adapters.postgres.sales import OPPORTUNITY_COLUMNS, opportunity_of
from services.conversion.domain.money import amount_text, expected_revenue
from services.conversion.domain.parties import Opportunity
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work

# No `$1 IS NULL OR ...`: a plan that must serve both could not begin at the cursor.
_PAGE: Final = f"""
    SELECT {OPPORTUNITY_COLUMNS}, o.created_at FROM opportunities o
    WHERE (o.created_at, o.opportunity_id) > ($1::timestamptz, $2::uuid) {{also}}
    ORDER BY o.created_at, o.opportunity_id LIMIT $3
"""
_EVERY: Final = _PAGE.format(also="")
_OF_ACCOUNT: Final = _PAGE.format(also="AND o.account_id = $4::uuid")
_ONE: Final = f"""
    SELECT {OPPORTUNITY_COLUMNS}, o.created_at FROM opportunities o WHERE o.opportunity_id = $1
"""
_ACCOUNT: Final = """
    SELECT a.account_id::text, a.facts, a.created_at, a.updated_at,
           ARRAY(SELECT contact_id::text FROM contacts WHERE account_id = $1 ORDER BY created_at LIMIT 200) AS contacts,
           ARRAY(SELECT opportunity_id::text FROM opportunities WHERE account_id = $1
                 ORDER BY created_at LIMIT 200) AS opportunities
    FROM accounts a WHERE a.account_id = $1
"""
_CONTACT: Final = """
    SELECT contact_id::text, account_id::text, facts, created_at, updated_at FROM contacts WHERE contact_id = $1
"""
# Told apart from the opportunity's own fields, which may have changed since.
_AT_CONVERSION: Final = ("converted_at", "score", "first_touch", "lead_snapshot", "reason", "fields_mapped")


_BEGINNING: Final = (datetime(1, 1, 1, tzinfo=UTC), "00000000-0000-0000-0000-000000000000")


async def opportunities_page(
    work: Work, after: tuple[datetime, str] | None, account_id: str | None, limit: int
) -> list[dict[str, Any]]:
    """Opportunities behind a place, in the order of their creation."""
    statement, also = (_EVERY, ()) if account_id is None else (_OF_ACCOUNT, (account_id,))
    rows = await work.fetch(statement, *(after or _BEGINNING), limit, *also)
    return [_opportunity(row, orjson.loads(row["event"])) for row in rows]


async def find_opportunity(work: Work, opportunity_id: str) -> dict[str, Any] | None:
    """An opportunity with what was known at its conversion, or None."""
    rows = await work.fetch(_ONE, opportunity_id)
    if not rows:
        return None
    event = orjson.loads(rows[0]["event"])
    return {**_opportunity(rows[0], event), "conversion": {name: event.get(name) for name in _AT_CONVERSION}}


async def find_account(work: Work, account_id: str) -> dict[str, Any] | None:
    """An account with the ids of its first 200 contacts and opportunities, or None."""
    return _party(await work.fetch(_ACCOUNT, account_id))


async def find_contact(work: Work, contact_id: str) -> dict[str, Any] | None:
    """A contact, or None."""
    return _party(await work.fetch(_CONTACT, contact_id))


def _party(rows: Any) -> dict[str, Any] | None:
    if not rows:
        return None
    row = dict(rows[0])
    facts = orjson.loads(row.pop("facts"))
    times = {name: rfc3339(row.pop(name)) for name in ("created_at", "updated_at")}
    return {**row, **facts, **times}


def _opportunity(row: Any, event: dict[str, Any]) -> dict[str, Any]:
    opportunity = opportunity_of(row, event)
    fields = {name: getattr(opportunity, name) for name in Opportunity.__slots__}
    amount, probability = opportunity.amount, opportunity.probability
    return {
        **fields,
        "amount": None if amount is None else amount_text(amount),
        "expected_revenue": None if amount is None else amount_text(expected_revenue(amount, probability)),
        "created_at": rfc3339(row["created_at"]),
    }
