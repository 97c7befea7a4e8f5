"""Scoring's tables: `lead_scores`, beside it the logs of behaviour, and the chassis' aliases and timers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.scoring.adapters.logs import read_logs, save_logs
from services.scoring.domain.standing import Standing
from shared.contracts.commands.scoring import TurnScore
from shared.handling.work import Work
from shared.persistence import aliases, timers
from shared.persistence.rows import add_rows

# ::text keeps the JSON as it was stored, and ids as the text that everything else holds.
_SELECT: Final = """
    SELECT lead_id::text, lead_version, lead::text, origin::text, score::text, score_version, merged_into::text, erased,
        behaves, turns_at, sales_ready, account_key
    FROM lead_scores
"""
_LOCK: Final = f"{_SELECT} WHERE lead_id = ANY($1::uuid[]) ORDER BY lead_scores.lead_id FOR UPDATE"
_MEMBERS: Final = f"""
    {_SELECT} WHERE account_key = $1 AND origin IS NOT NULL AND NOT erased AND NOT EXISTS (
        SELECT 1 FROM aliases a WHERE a.loser_id = lead_scores.lead_id AND a.winner_id <> a.loser_id
    ) ORDER BY updated_at DESC, lead_scores.lead_id LIMIT $2
"""
_COLUMNS: Final = (
    "lead_id", "lead_version", "lead", "origin", "score", "score_version", "merged_into", "updated_at",
    "behaves", "turns_at", "sales_ready", "account_key",
)  # fmt: skip
_UPDATE: Final = """
    UPDATE lead_scores s SET lead_version = u.lead_version, lead = u.lead, origin = u.origin, score = u.score,
        score_version = u.score_version, merged_into = u.merged_into, updated_at = u.updated_at,
        behaves = u.behaves, turns_at = u.turns_at, sales_ready = u.sales_ready,
        account_key = u.account_key
    FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::int[], $7::uuid[], $8::timestamptz[],
                $9::bool[], $10::timestamptz[], $11::bool[], $12::text[])
         AS u (lead_id, lead_version, lead, origin, score, score_version, merged_into, updated_at, behaves, turns_at,
               sales_ready, account_key)
    WHERE s.lead_id = u.lead_id
"""
_SHOW: Final = """
    SELECT lead_id::text, lead_version, score::text, score_version, updated_at
    FROM lead_scores WHERE lead_id = $1 AND origin IS NOT NULL
"""


class PostgresStandings:
    """`Standings` in Postgres."""

    async def survivors(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, aliases.Survivor]:
        return await aliases.resolve_at(work, lead_ids)

    async def lock(self, work: Work, lead_ids: Iterable[str], *, all_logs: bool = False) -> dict[str, Standing]:
        wanted = sorted(lead_ids)
        rows = await work.fetch(_LOCK, wanted)
        known = {row["lead_id"]: _standing(row) for row in rows}
        behaving = wanted if all_logs else [standing.lead_id for standing in known.values() if standing.behaves]
        if behaving:
            await _add_logs(work, behaving, known, all_logs=all_logs)
        return known

    async def save(self, work: Work, standings: Sequence[Standing]) -> None:
        """Raises ClaimLost (try again) when another worker met one of the new leads first."""
        # In one order, against deadlocks between two workers that meet the same new leads.
        ordered = sorted(standings, key=lambda standing: standing.lead_id)
        known = [_row(standing, work) for standing in ordered if standing.stored]
        new = [_row(standing, work) for standing in ordered if not standing.stored]
        if known:
            await work.execute(_UPDATE, *zip(*known, strict=True))
        if new:
            await add_rows(work, "lead_scores", _COLUMNS, new)
        if logged := [standing for standing in ordered if standing.relogged]:
            await save_logs(work, logged)
        if turning := [standing for standing in ordered if standing.turns_at != standing.timer_at]:
            await _set_timers(work, turning)

    async def take_timers(self, work: Work, fired: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
        return await timers.take_timers(work, fired)

    async def save_merges(self, work: Work, merges: Sequence[tuple[str, str, int]]) -> None:
        for loser_id, winner_id, version in sorted(merges):
            await aliases.save_alias(work, loser_id, winner_id, version)


async def _add_logs(work: Work, lead_ids: Sequence[str], known: dict[str, Standing], *, all_logs: bool) -> None:
    found = await read_logs(work, lead_ids)
    if all_logs:
        known.update({lead_id: Standing(lead_id) for lead_id in found if lead_id not in known})
    for lead_id, standing in known.items():
        standing.logs = found.get(lead_id)
        if all_logs and standing.behaves != (standing.logs is not None):
            standing.behaves = standing.logs is not None
            standing.changed = True


async def _set_timers(work: Work, turning: Sequence[Standing]) -> None:
    wanted = [
        timers.Timer(TurnScore.TYPE, standing.lead_id, standing.turns_at, {"lead_id": standing.lead_id})
        for standing in turning
        if standing.turns_at is not None
    ]
    await timers.set_timers(work, wanted)
    await timers.cancel_timers(
        work, [timers.timer_id(TurnScore.TYPE, each.lead_id) for each in turning if each.turns_at is None]
    )


def _standing(row: Any) -> Standing:
    origin = row["origin"]
    return Standing(
        lead_id=row["lead_id"],
        lead_version=row["lead_version"],
        lead=row["lead"].encode(),
        origin=None if origin is None else origin.encode(),
        score=row["score"].encode(),
        score_version=row["score_version"],
        merged_into=row["merged_into"],
        erased=row["erased"],
        stored=True,
        behaves=row["behaves"],
        turns_at=row["turns_at"],
        timer_at=row["turns_at"],
        sales_ready=row["sales_ready"],
        account_key=row["account_key"],
    )


def _row(standing: Standing, work: Work) -> tuple[Any, ...]:
    """In the order of _COLUMNS."""
    return (
        standing.lead_id,
        standing.lead_version,
        standing.lead.decode(),
        None if standing.origin is None else standing.origin.decode(),
        standing.score.decode(),
        standing.score_version,
        standing.merged_into,
        work.now,
        standing.behaves,
        standing.turns_at,
        standing.sales_ready,
        standing.account_key,
    )


async def read_members(work: Work, account_key: str, limit: int) -> list[Standing]:
    """Leads of a company with their logs, those that were scored last; neither merged away nor erased."""
    rows = await work.fetch(_MEMBERS, account_key, limit)
    known = {row["lead_id"]: _standing(row) for row in rows}
    if behaving := [standing.lead_id for standing in known.values() if standing.behaves]:
        await _add_logs(work, behaving, known, all_logs=False)
    return list(known.values())


@dataclass(frozen=True, slots=True)
class ShownScore:
    """A lead's score as people ask for it."""

    lead_id: str
    lead_version: int
    score: str
    score_version: int
    updated_at: Any


async def read_score(work: Work, lead_id: str) -> ShownScore | None:
    """The score of a lead, or of the one that it was merged into; None when it was never scored."""
    survivor = (await aliases.resolve(work, [lead_id])).get(lead_id, lead_id)
    rows = await work.fetch(_SHOW, survivor)
    return ShownScore(**dict(rows[0])) if rows else None
