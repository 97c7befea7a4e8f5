"""What journeys keep of a person, and how it goes. See shared.persistence.erasing.PersonalTables."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from shared.contracts.envelope import rfc3339
from shared.handling.work import Work

_END: Final = """
    UPDATE journey_runs SET state = 'exited', reason = 'lead_gone', due_at = NULL, updated_at = $2
    WHERE lead_id = ANY($1::uuid[]) AND state = 'active'
"""
_DROP: Final = """
    UPDATE journey_sends SET code = NULL,
        state = CASE WHEN state IN ('decided', 'released') THEN 'dropped' ELSE state END
    WHERE lead_id = ANY($1::uuid[])
"""
_STEPS: Final = "UPDATE journey_steps SET code = NULL WHERE lead_id = ANY($1::uuid[]) AND code IS NOT NULL"
_RUNS: Final = """
    SELECT run_id::text, lead_id::text, journey, entered_at, step, state, reason FROM journey_runs
    WHERE lead_id = ANY($1::uuid[]) ORDER BY entered_at, run_id
"""
_SENDS: Final = """
    SELECT send_id::text, run_id::text, journey, step, channel, code, valid_until, state, reason, attempts, decided_at,
           redeemed_at, amount, currency
    FROM journey_sends WHERE lead_id = ANY($1::uuid[]) ORDER BY decided_at, send_id
"""


class JourneyTables:
    """Rows stay as ids, names, times and money, which counts rest on; codes go, and nothing more is sent."""

    tables: Final = ("journey_runs", "journey_steps", "journey_sends")

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables."""
        await work.execute(_END, list(lead_ids), work.now)
        await work.execute(_STEPS, list(lead_ids))
        await work.execute(_DROP, list(lead_ids))

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables."""
        runs, sends = await work.fetch(_RUNS, lead_ids), await work.fetch(_SENDS, lead_ids)
        return {"journeys": [_shown(row) for row in runs], "messages": [_shown(row) for row in sends]}


def _shown(row: Any) -> dict[str, Any]:
    return {name: _plain(value) for name, value in dict(row).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value) if isinstance(value, Decimal) else value
