"""Receipts in Postgres. That of an event's first record is its decision; a row of its own has what the chassis decides
without capture (dead letters), and what repeats an event."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from services.capture.ports import Receipt, Standing
from shared.handling.outcomes import Decision
from shared.handling.work import Work
from shared.persistence.decisions import read_decisions

# A dead letter that was replayed has another outcome; every other one stands.
_SAVE: Final = """
    INSERT INTO receipts AS r (receipt_id, repeat_of, topic_id, partition, "offset", row_number, lead_id, received_at,
                          settled_at, topic, source, outcome, reason, field)
    SELECT u.receipt_id, u.repeat_of, u.topic_id, u.partition, u.off, u.row_number, u.lead_id, u.received_at, $14,
           u.topic, u.source, u.outcome, u.reason, u.field
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::bigint[], $6::int[], $7::uuid[], $8::timestamptz[],
                $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
         AS u (receipt_id, repeat_of, topic_id, partition, off, row_number, lead_id, received_at, topic, source,
               outcome, reason, field)
    ON CONFLICT (receipt_id) DO UPDATE
    SET lead_id = excluded.lead_id, settled_at = excluded.settled_at, outcome = excluded.outcome,
        reason = excluded.reason, field = excluded.field
    WHERE r.outcome = 'dead_lettered' AND excluded.outcome <> 'dead_lettered'
"""
_STANDING: Final = """
    SELECT receipt_id::text, outcome, reason, field, lead_id::text, settled_at FROM receipts
    WHERE receipt_id = ANY($1::uuid[])
"""
_READ: Final = """
    SELECT r.receipt_id::text, r.outcome, r.reason, r.field, r.lead_id::text, r.row_number, r.source, r.received_at,
           r.settled_at, r.repeat_of IS NOT NULL AS repeats
    FROM receipts r WHERE r.receipt_id = $1 OR r.repeat_of = $1
    ORDER BY r.repeat_of IS NOT NULL, r.settled_at, r.receipt_id LIMIT 101
"""


class PostgresReceiptBook:
    """See ports.ReceiptBook."""

    async def save(self, work: Work, receipts: Sequence[Receipt]) -> None:
        """See ports.ReceiptBook."""
        if not receipts:
            return
        # Of a record that is dead-lettered and its repeats there may be several: one statement takes one.
        firsts = {receipt.receipt_id: receipt for receipt in reversed(receipts)}
        ordered = [firsts[receipt_id] for receipt_id in sorted(firsts)]
        await work.execute(
            _SAVE,
            [r.receipt_id for r in ordered],
            [r.repeat_of for r in ordered],
            [r.record.topic_id for r in ordered],
            [r.record.partition for r in ordered],
            [r.record.offset for r in ordered],
            [r.row for r in ordered],
            [r.lead_id for r in ordered],
            [datetime.fromtimestamp(max(r.record.timestamp, 0) / 1000, tz=UTC) for r in ordered],
            [r.record.topic for r in ordered],
            [r.source for r in ordered],
            [r.outcome for r in ordered],
            [r.reason for r in ordered],
            [r.field for r in ordered],
            work.now,
        )

    async def standing(self, work: Work, receipt_ids: Sequence[str]) -> Mapping[str, Standing]:
        """See ports.ReceiptBook."""
        rows = await work.fetch(_STANDING, receipt_ids)
        return {row[0]: Standing(*row[1:]) for row in rows}

    async def read(self, work: Work, receipt_id: str) -> Sequence[dict[str, Any]]:
        """A receipt, and after it those of later records with the same event id, 100 at most."""
        rows = [dict(row) for row in await work.fetch(_READ, receipt_id)]
        first = (await read_decisions(work, [receipt_id])).get(receipt_id)
        if first is None or "source" not in (first.decision.detail or {}):
            return rows
        shown = _of_decision(receipt_id, first.decision)
        if shown["outcome"] == "anonymous":
            shown |= await _stitched_since(work, receipt_id)
        return [shown, *(row for row in rows if row["repeats"])]


async def _stitched_since(work: Work, event_id: str) -> dict[str, Any]:
    """What became of an event that was nobody's: it may have found its lead since."""
    rows = await work.fetch(
        "SELECT lead_id::text, matched_by FROM behaviours WHERE event_id = $1 AND lead_id IS NOT NULL", event_id
    )
    return {"outcome": "stitched", "reason": rows[0]["matched_by"], "lead_id": rows[0]["lead_id"]} if rows else {}


def _of_decision(receipt_id: str, decision: Decision) -> dict[str, Any]:
    detail = decision.detail or {}
    return {
        "receipt_id": receipt_id,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "field": detail.get("field"),
        "lead_id": decision.subject,
        "row_number": detail.get("row"),
        "source": detail["source"],
        "reasons": detail.get("reasons"),
        "rule": detail.get("rule"),
        "said": detail.get("said"),
        "received_at": datetime.fromtimestamp(max(detail["received_ms"], 0) / 1000, tz=UTC),
        "settled_at": datetime.fromisoformat(decision.decided_at),
        "repeats": False,
    }
