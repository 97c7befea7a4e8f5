"""`SegmentBook` in Postgres: standings, moves, what leads did, what was said of their interest, recounts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from services.scoring.segments.adapters.family import FAMILY
from services.scoring.segments.adapters.interests import PostgresInterests
from services.scoring.segments.domain.happenings import Happening
from services.scoring.segments.domain.inbound import NOTHING_CARRIED, Carried
from services.scoring.segments.domain.membership import Known, Move
from services.scoring.segments.domain.standing import Standing, Told
from services.scoring.segments.ports import Behaved, Correction, Look
from shared.contracts.envelope import rfc3339
from shared.handling.records import Record
from shared.handling.work import Work
from shared.persistence import aliases
from shared.persistence.rows import add_rows

# Beyond this number of events of one lead the oldest are not looked at.
MOST_HAPPENINGS: Final = 2000

_TOLD: Final = """
    SELECT event_id::text, lead_id::text, segment, entered, why, since, at, rules_version,
           topic_id::text, partition, "offset"
    FROM segment_moves WHERE event_id = ANY($1::uuid[]) ORDER BY event_id, lead_id, entered, segment
"""
_LOCK: Final = """
    SELECT lead_id::text, members::text, first_seen, look_at, rules_version
    FROM segment_leads WHERE lead_id = ANY($1::uuid[]) ORDER BY segment_leads.lead_id FOR UPDATE
"""
_LEADS: Final = """
    SELECT lead_id::text, lead::text, score::text FROM lead_scores
    WHERE lead_id = ANY($1::uuid[]) AND origin IS NOT NULL AND merged_into IS NULL AND NOT erased
"""
_VERSIONS: Final = """
    SELECT lead_id::text, lead_version, score_version FROM lead_scores
    WHERE lead_id = ANY($1::uuid[]) AND origin IS NOT NULL AND merged_into IS NULL AND NOT erased
"""
_HAPPENINGS: Final = f"""
    WITH RECURSIVE {FAMILY}
    SELECT f.root::text, b.kind, b.category, b.at
    FROM (SELECT root, lead_id FROM family GROUP BY root, lead_id) f CROSS JOIN LATERAL (
        SELECT kind, category, at FROM segment_behaviours
        WHERE lead_id = f.lead_id AND counts AND at > $2 ORDER BY at DESC LIMIT {MOST_HAPPENINGS}
    ) b
"""
_COLUMNS: Final = ("lead_id", "members", "first_seen", "look_at", "rules_version", "updated_at")
_UPDATE: Final = """
    UPDATE segment_leads s SET members = u.members::jsonb, look_at = u.look_at, rules_version = u.rules_version,
        updated_at = $5
    FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::int[]) AS u (lead_id, members, look_at, rules_version)
    WHERE s.lead_id = u.lead_id
"""
_MOVE_COLUMNS: Final = (
    "event_id", "lead_id", "segment", "entered", "why", "since", "rules_version", "topic_id", "partition", "offset", "at",
)  # fmt: skip
_NOTE: Final = """
    INSERT INTO segment_behaviours (event_id, lead_id, kind, category, at, counts)
    SELECT u.* FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::bool[])
         AS u (event_id, lead_id, kind, category, at, counts)
    WHERE NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.lead_id = u.lead_id)
    ORDER BY u.event_id ON CONFLICT (event_id) DO NOTHING
"""
_CORRECT: Final = """
    UPDATE segment_behaviours b SET counts = u.counts, corrected_at = u.at
    FROM unnest($1::uuid[], $2::bool[], $3::timestamptz[]) AS u (event_id, counts, at)
    WHERE b.event_id = u.event_id AND (b.corrected_at IS NULL OR b.corrected_at <= u.at)
"""
_DUE: Final = """
    SELECT lead_id::text, look_at FROM segment_leads
    WHERE look_at >= $1 AND look_at <= $3 AND (look_at, lead_id) > ($1, $2)
    ORDER BY look_at, segment_leads.lead_id LIMIT $4
"""
_PAGE: Final = """
    SELECT lead_id::text FROM lead_scores WHERE lead_id > $1 AND origin IS NOT NULL ORDER BY lead_scores.lead_id LIMIT $2
"""
_COUNT_RUN: Final = """
    UPDATE segment_recounts SET looked = looked + $2, moved = moved + $3, ended_at = $4 WHERE run_id = $1
"""
_BEFORE_ALL: Final = "00000000-0000-0000-0000-000000000000"


class PostgresSegmentBook(PostgresInterests):
    """See services.scoring.segments.ports.SegmentBook."""

    async def told(self, work: Work, records: Sequence[Record]) -> Mapping[str, list[Told]]:
        places = {r.event_id: (r.topic_id, r.partition, r.offset) for r in records}
        found: dict[str, list[Told]] = {}
        for row in await work.fetch(_TOLD, list(places)):
            if places[row["event_id"]] == (row["topic_id"], row["partition"], row["offset"]):
                found.setdefault(row["event_id"], []).append(_told(row))
        return found

    async def lock(self, work: Work, lead_ids: Iterable[str]) -> dict[str, Standing]:
        rows = await work.fetch(_LOCK, sorted(lead_ids))
        return {row["lead_id"]: _standing(row) for row in rows}

    async def read(
        self, work: Work, lead_ids: Sequence[str], since: datetime, carried: Mapping[str, Carried] = NOTHING_CARRIED
    ) -> dict[str, Known]:
        states = await _states(work, lead_ids, carried)
        happened: dict[str, list[Happening]] = {}
        for root, kind, category, at in await work.fetch(_HAPPENINGS, lead_ids, since):
            happened.setdefault(root, []).append(Happening(kind, category, at))
        stated = await self.newest(work, lead_ids)
        return {
            lead_id: Known(lead, score, happened.get(lead_id, ()), stated.get(lead_id))
            for lead_id, (lead, score) in states.items()
        }

    async def save(self, work: Work, standings: Sequence[Standing], told: Sequence[tuple[Record, Told]]) -> None:
        """Raises ClaimLost (try again) when another worker met one of the new leads first."""
        ordered = sorted(standings, key=lambda standing: standing.lead_id)
        known = [standing for standing in ordered if standing.stored]
        if known:
            await work.execute(
                _UPDATE, [s.lead_id for s in known], [_members(s) for s in known], [s.look_at for s in known],
                [s.rules_version for s in known], work.now,
            )  # fmt: skip
        if new := [_row(standing, work) for standing in ordered if not standing.stored]:
            await add_rows(work, "segment_leads", _COLUMNS, new)
        if told:
            await add_rows(work, "segment_moves", _MOVE_COLUMNS, [_moved(record, each, work) for record, each in told])

    async def survivors(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, str]:
        return await aliases.resolve(work, lead_ids)

    async def save_merges(self, work: Work, merges: Sequence[tuple[str, str, int]]) -> None:
        for loser_id, winner_id, version in sorted(merges):
            await aliases.save_alias(work, loser_id, winner_id, version)

    async def note(self, work: Work, behaved: Sequence[Behaved]) -> None:
        if behaved:
            await work.execute(_NOTE, *zip(*behaved, strict=True))

    async def correct(self, work: Work, corrections: Sequence[Correction]) -> None:
        newest: dict[str, Correction] = {}
        for each in corrections:
            if each.event_id not in newest or newest[each.event_id].at <= each.at:
                newest[each.event_id] = each
        if newest:
            await work.execute(_CORRECT, *zip(*newest.values(), strict=True))

    async def due(self, work: Work, since: datetime, after: str | None, until: datetime, limit: int) -> Sequence[Look]:
        rows = await work.fetch(_DUE, since, after or _BEFORE_ALL, until, limit)
        return [Look(row["lead_id"], row["look_at"]) for row in rows]

    async def page(self, work: Work, after: str | None, limit: int) -> Sequence[str]:
        return [row["lead_id"] for row in await work.fetch(_PAGE, after or _BEFORE_ALL, limit)]

    async def start_run(self, work: Work, run_id: str, reason: str) -> None:
        await work.execute(
            "INSERT INTO segment_recounts (run_id, reason, started_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            run_id, reason, work.now,
        )  # fmt: skip

    async def count_run(self, work: Work, run_id: str, looked: int, moved: int, *, ended: bool) -> None:
        await work.execute(_COUNT_RUN, run_id, looked, moved, work.now if ended else None)


async def _states(
    work: Work, lead_ids: Sequence[str], carried: Mapping[str, Carried]
) -> dict[str, tuple[bytes, bytes]]:
    """The lead and its score of each that is there; what was carried is taken where it is the newest."""
    if not carried:
        return await _stored(work, lead_ids)
    states: dict[str, tuple[bytes, bytes]] = {}
    others: list[str] = []
    for lead_id, lead_version, score_version in await work.fetch(_VERSIONS, lead_ids):
        said = carried.get(lead_id)
        if said is not None and (said.lead_version, said.score_version) == (lead_version, score_version):
            states[lead_id] = (said.lead, said.score)
        else:
            others.append(lead_id)
    return {**states, **await _stored(work, others)} if others else states


async def _stored(work: Work, lead_ids: Sequence[str]) -> dict[str, tuple[bytes, bytes]]:
    return {row[0]: (row[1].encode(), row[2].encode()) for row in await work.fetch(_LEADS, lead_ids)}


def _standing(row: Any) -> Standing:
    members = orjson.loads(row["members"])
    return Standing(row["lead_id"], members, row["first_seen"], row["look_at"], row["rules_version"], stored=True)


def _members(standing: Standing) -> str:
    return orjson.dumps(standing.members).decode()


def _row(standing: Standing, work: Work) -> tuple[Any, ...]:
    """In the order of _COLUMNS."""
    return (
        standing.lead_id, _members(standing), standing.first_seen or work.now, standing.look_at, standing.rules_version,
        work.now,
    )  # fmt: skip


def _moved(record: Record, told: Told, work: Work) -> tuple[Any, ...]:
    """In the order of _MOVE_COLUMNS."""
    move = told.move
    return (
        told.event_id, told.lead_id, move.segment, move.entered, move.why, move.since, told.rules_version,
        record.topic_id, record.partition, record.offset, work.now,
    )  # fmt: skip


def _told(row: Any) -> Told:
    move = Move(row["segment"], row["entered"], row["why"], row["since"])
    return Told(row["event_id"], row["lead_id"], move, rfc3339(row["at"]), row["rules_version"])
