"""Quarantine in Postgres: submissions as they came, and who settled them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.capture.domain.identity import digest_of
from services.capture.ports import Held, HeldState
from shared.contracts.commands.replay import OriginalRecord
from shared.contracts.envelope import from_millis
from shared.handling.originals import pack_original, unpack_original
from shared.handling.records import Record
from shared.handling.work import Work

_HOLD: Final = """
    INSERT INTO quarantine (event_id, digests, strong, points, received_at, quarantined_at, source, reasons, state, record)
    SELECT u.event_id, string_to_array(u.digests, ',')::uuid[], string_to_array(u.strong, ',')::uuid[], u.points,
           u.received_at::timestamptz, $9, u.source, string_to_array(u.reasons, ','), 'held', u.record
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[])
        AS u (event_id, digests, strong, points, received_at, source, reasons, record)
    ON CONFLICT (event_id) DO NOTHING
"""
_COLUMNS: Final = (
    "event_id::text, source, reasons, points, received_at, quarantined_at, state, settled_at, settled_by, note"
)
_PAGE: Final = f"""
    SELECT {_COLUMNS}, lead_id::text FROM quarantine
    WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR source = $2)
      AND ($3::timestamptz IS NULL OR (quarantined_at, event_id) < ($3, $4::uuid))
    ORDER BY quarantined_at DESC, event_id DESC LIMIT $5
"""
_SETTLE: Final = """
    UPDATE quarantine SET state = $2, lead_id = $3, settled_at = $4, settled_by = $5, note = $6 WHERE event_id = $1
"""
_EMPTY: Final = """
    UPDATE quarantine SET record = NULL, digests = '{}', strong = '{}', note = NULL,
           state = CASE state WHEN 'held' THEN 'erased' ELSE state END
"""
# What was held may name somebody who has no lead: it is found by what it names. A phone is no proof where the submission
# names an address or an id of its own, or where others have the phone, too: that is somebody else at the same switchboard.
_THEIRS: Final = """
    lead_id = ANY($1::uuid[]) OR event_id = ANY(ARRAY(
        WITH links AS (SELECT digest, lead_id FROM identities UNION ALL SELECT digest, lead_id FROM identity_shares),
             theirs AS MATERIALIZED (
                 SELECT digest FROM identities WHERE lead_id = ANY($1::uuid[])
                 UNION SELECT digest FROM identity_shares WHERE lead_id = ANY($1::uuid[])),
             alone AS MATERIALIZED (
                 SELECT digest FROM theirs WHERE NOT EXISTS (
                     SELECT FROM links WHERE links.digest = theirs.digest AND links.lead_id <> ALL($1::uuid[])))
        SELECT event_id FROM quarantine
        WHERE digests && ARRAY(SELECT digest FROM theirs)
          AND (strong && ARRAY(SELECT digest FROM theirs)
               OR COALESCE(strong, '{}') = '{}' AND digests && ARRAY(SELECT digest FROM alone))))
"""
_ERASE: Final = f"{_EMPTY} WHERE {_THEIRS}"
_EXPORT: Final = f"SELECT {_COLUMNS}, record FROM quarantine WHERE {_THEIRS} ORDER BY received_at, event_id"
_WAITING: Final = f"""
    SELECT {_COLUMNS}, record FROM quarantine
    WHERE event_id = ANY($1::uuid[]) AND record IS NOT NULL ORDER BY received_at, event_id
"""
_FORGET: Final = """
    WITH gone AS (
        DELETE FROM quarantine WHERE event_id = ANY(ARRAY(
            SELECT event_id FROM quarantine WHERE state IN ('released', 'rejected') AND settled_at < $1
            ORDER BY settled_at LIMIT $2 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
    )
    SELECT count(*) FROM gone
"""
_STRONG: Final = ("external_id", "email")


class PostgresQuarantineBook:
    """See ports.QuarantineBook."""

    async def hold(self, work: Work, held: Sequence[Held]) -> None:
        """See ports.QuarantineBook."""
        ordered = sorted(held, key=lambda each: each.record.event_id)
        await work.execute(
            _HOLD,
            [each.record.event_id for each in ordered],
            [",".join(sorted(digest_of(key) for key in each.keys)) for each in ordered],
            [",".join(sorted(digest_of(key) for key in each.keys if key.kind in _STRONG)) for each in ordered],
            [each.points for each in ordered],
            [from_millis(each.record.timestamp) for each in ordered],
            [each.source for each in ordered],
            [",".join(each.reasons) for each in ordered],
            [_packed(each.record) for each in ordered],
            work.now,
        )

    async def lock(self, work: Work, event_id: str) -> tuple[HeldState, Record | None] | None:
        """See ports.QuarantineBook."""
        rows = await work.fetch("SELECT state, record FROM quarantine WHERE event_id = $1 FOR UPDATE", event_id)
        if not rows:
            return None
        record = rows[0]["record"]
        return rows[0]["state"], None if record is None else _unpacked(record)

    async def settle(
        self, work: Work, event_id: str, state: HeldState, lead_id: str | None, settled_by: str, note: str
    ) -> None:
        """See ports.QuarantineBook."""
        await work.execute(_SETTLE, event_id, state, lead_id, work.now, settled_by, note)

    async def page(
        self, work: Work, *, state: str | None, source: str | None, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """What is or was held, the newest first, without what was submitted."""
        at, event_id = before if before is not None else (None, None)
        return [dict(row) for row in await work.fetch(_PAGE, state, source, at, event_id, limit)]

    async def read(self, work: Work, event_id: str) -> Mapping[str, Any] | None:
        """One with what was submitted (`value`, None where it was erased)."""
        rows = await work.fetch(
            f"SELECT {_COLUMNS}, lead_id::text, record FROM quarantine WHERE event_id = $1", event_id
        )
        return _with_value(rows[0]) if rows else None


async def forget_settled(work: Work, before: datetime, *, limit: int) -> int:
    """Forget submissions that were released or rejected before an instant; how many that were. What is held stays."""
    (row,) = await work.fetch(_FORGET, before, limit)
    return int(row[0])


async def empty_quarantine(work: Work, event_ids: Sequence[str]) -> None:
    """Blank what these submissions say, and never release them."""
    await work.execute(f"{_EMPTY} WHERE event_id = ANY($1::uuid[])", event_ids)


async def waiting_submissions(work: Work, event_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Those of these submissions that are kept as they came, with what they say."""
    return [_with_value(row) for row in await work.fetch(_WAITING, event_ids)]


class QuarantineTables:
    """See shared.persistence.erasing.PersonalTables."""

    tables: Final = ("quarantine",)

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables. Before the identities: what is held is found by theirs."""
        await work.execute(_ERASE, lead_ids)

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables."""
        return {"quarantine": [_with_value(row) for row in await work.fetch(_EXPORT, lead_ids)]}


def _packed(record: Record) -> str:
    packed = pack_original(
        topic=record.topic,
        topic_id=record.topic_id,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=record.key,
        value=record.value,
        headers=[(name, value) for name, value in record.headers if value is not None],
    )
    return packed.model_dump_json()


def _unpacked(stored: str) -> Record:
    return unpack_original(OriginalRecord.model_validate_json(stored), inbound=True)


def _with_value(row: Any) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name != "record"}
    record = None if row["record"] is None else _unpacked(row["record"])
    shown["value"] = None if record is None else (record.value or b"").decode(errors="replace")
    return shown
