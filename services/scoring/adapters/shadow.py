"""The draft that runs in the shadow of the live model: its row, what it counted, and where it looks on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from services.scoring.adapters.postgres import PostgresStandings
from services.scoring.domain.model import KIND, load_scoring_model
from services.scoring.domain.scoring import CompiledModel, compile_model
from services.scoring.domain.shadowing import Counted, Pair, compare_scores
from services.scoring.domain.standing import Standing
from services.scoring.ports import Shadow
from shared.handling.work import Work
from shared.observability.metrics import SHADOW_SCORES
from shared.persistence.rule_versions import note_reload_failed
from shared.rules import RuleFileError

log = structlog.get_logger(__name__)

_READ: Final = """
    SELECT shadow_id::text, name, content_hash, document, author, reason, started_at FROM shadow_rules WHERE kind = $1
"""
_START: Final = """
    INSERT INTO shadow_rules (kind, shadow_id, name, content_hash, document, author, reason, started_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (kind) DO UPDATE SET shadow_id = excluded.shadow_id, name = excluded.name,
        content_hash = excluded.content_hash, document = excluded.document, author = excluded.author,
        reason = excluded.reason, started_at = excluded.started_at
"""
_COUNT: Final = """
    INSERT INTO shadow_counts (shadow_id, live, shadow, scores, differing, difference, live_version, counted_at)
    SELECT $1, u.live, u.shadow, u.scores, u.differing, u.difference, u.version, $8
    FROM unnest($2::text[], $3::text[], $4::int[], $5::int[], $6::bigint[], $7::int[])
         AS u (live, shadow, scores, differing, difference, version)
"""
_COUNTED: Final = """
    SELECT live, shadow, sum(scores)::bigint AS scores, sum(differing)::bigint AS differing,
           sum(difference)::bigint AS difference, min(live_version) AS from_version, max(live_version) AS to_version
    FROM shadow_counts WHERE shadow_id = $1 GROUP BY live, shadow ORDER BY live, shadow
"""
_FORGET: Final = "DELETE FROM shadow_counts WHERE shadow_id NOT IN (SELECT shadow_id FROM shadow_rules)"


@dataclass(slots=True)
class Running:
    """The draft as this process runs it now; nothing costs anything while `model` is None."""

    shadow_id: str | None = None
    model: CompiledModel | None = None

    async def refresh(self, work: Work) -> None:
        """Take up the draft that is to run, or none. One that cannot be compiled does not run, and that is told."""
        row = await read_shadow(work)
        wanted = row["shadow_id"] if row is not None else None
        if wanted == self.shadow_id:
            return
        self.shadow_id, self.model = wanted, None
        if row is None:
            return
        try:
            self.model = compile_model(load_scoring_model(row["document"]), version=0)
        except RuleFileError as error:
            note_reload_failed(KIND, "unusable_shadow", error)


class ShadowedStandings(PostgresStandings):
    """`Standings` in Postgres, beside which a draft looks on while one runs. What it counts is written with what it looked at,
    so that a batch tried again counts once; no mistake of its own ever fails a batch."""

    def __init__(self, running: Running) -> None:
        self._running = running

    async def save(self, work: Work, standings: Sequence[Standing]) -> None:
        await super().save(work, standings)
        model, shadow_id = self._running.model, self._running.shadow_id
        if model is None or shadow_id is None or not standings:
            return
        try:
            counted = compare_scores(standings, model, now=work.instant)
        except Exception as error:
            log.warning("shadow_failed", error=type(error).__name__)
            return
        if counted:
            await _count(work, shadow_id, counted)


async def _count(work: Work, shadow_id: str, counted: Mapping[Pair, Counted]) -> None:
    rows = [
        (*pair[:2], each.scores, each.differing, each.difference, pair.live_version) for pair, each in counted.items()
    ]
    await work.execute(_COUNT, shadow_id, *map(list, zip(*rows, strict=True)), work.now)
    for pair, each in counted.items():
        SHADOW_SCORES.labels(kind=KIND, live=pair.live, shadow=pair.shadow).inc(each.scores)


async def read_shadow(work: Work) -> dict[str, Any] | None:
    """The draft that runs; None where there is none."""
    rows = await work.fetch(_READ, KIND)
    return dict(rows[0]) if rows else None


async def read_counts(work: Work, shadow_id: str) -> list[dict[str, Any]]:
    """What it counted, by both grades."""
    return [dict(row) for row in await work.fetch(_COUNTED, shadow_id)]


class PostgresShadow:
    """See services.scoring.ports.ShadowRow."""

    async def start(self, work: Work, shadow: Shadow) -> None:
        await work.execute(
            _START, KIND, shadow.shadow_id, shadow.name, shadow.content_hash, shadow.document, shadow.author,
            shadow.reason, work.now,
        )  # fmt: skip
        await work.execute(_FORGET)

    async def stop(self, work: Work) -> bool:
        rows = await work.fetch("DELETE FROM shadow_rules WHERE kind = $1 RETURNING kind", KIND)
        return bool(rows)
