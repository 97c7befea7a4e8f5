"""The history of the spine's events: bundles, and a row a lead that says where its events are and how far it came."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from services.reporting.adapters.postgres.counts import Counts
from services.reporting.domain.bundles import forget, pack, pack_kept, places_of, split, unpack
from services.reporting.domain.ledger import Place
from services.reporting.domain.rows import Kept
from services.reporting.domain.stages import MEMBERS, STAGES, Reached, of
from shared.handling.work import Work

_COLUMNS: Final = tuple(column for stage in STAGES for column in (f"{stage}_at", f"{stage}_from"))
_TYPES: Final = ("bigint[]", "text[]") * len(STAGES)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

# The arrays are for the recount of the funnel, which so is one statement.
_BUNDLES: Final = """
    INSERT INTO bundles (bundle_id, stored_at, body, lead_ids, stages, at_us, sources)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


# Instants travel as numbers: a datetime costs five times as much to send.
_GIVEN: Final = ", ".join(
    f"timestamptz 'epoch' + {c} * interval '1 microsecond'" if c.endswith("_at") else c for c in _COLUMNS
)


def _day(column: str) -> str:
    return f"({column} AT TIME ZONE 'utc')::date"


def _earliest(stage: str) -> str:
    """SQL: of two times that a lead reached a stage, the earlier one stands, with its source."""
    at, source = f"{stage}_at", f"{stage}_from"
    earlier = f"x.{at} IS NOT NULL AND (p.{at} IS NULL OR (x.{at}, x.{source}) < (p.{at}, p.{source}))".replace(
        "x.", "excluded."
    )
    return ", ".join(f"{c} = CASE WHEN {earlier} THEN excluded.{c} ELSE p.{c} END" for c in (at, source))


# What changed comes back summed up by cohort; of leads that had reached a stage before, also what they had.
_PROGRESS: Final = f"""
    WITH given AS (
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::int[], {", ".join(f"${n}::{t}" for n, t in enumerate(_TYPES, 4))})
            AS u (lead_id, bundle, stages, {", ".join(_COLUMNS)})
    ), moved AS (
        INSERT INTO progress AS p (lead_id, bundles, stages, {", ".join(_COLUMNS)})
        SELECT lead_id, ARRAY[bundle], stages, {_GIVEN} FROM given
        ON CONFLICT (lead_id) DO UPDATE
        SET bundles = p.bundles || excluded.bundles, stages = p.stages | excluded.stages,
            {", ".join(_earliest(stage) for stage in STAGES)}
        RETURNING p.lead_id, old.stages AS was, new.stages AS now, {_day("old.captured_at")} AS was_day,
                  p.erased, old.captured_from AS was_from, {_day("new.captured_at")} AS now_day, new.captured_from AS now_from,
                  {", ".join(f"old.{column}" for column in _COLUMNS)}
    )
    SELECT was, now, was_day, was_from, now_day, now_from, count(*) AS n, NULL::uuid AS lead_id, false AS erased,
           {", ".join(f"NULL AS {column}" for column in _COLUMNS)}
    FROM moved GROUP BY was, now, was_day, was_from, now_day, now_from
    UNION ALL
    SELECT m.was, m.now, NULL, NULL, NULL, NULL, 0, m.lead_id, m.erased, {", ".join(f"m.{column}" for column in _COLUMNS)}
    FROM moved m JOIN given g USING (lead_id) WHERE m.was & g.stages <> 0 OR m.erased
"""


async def save_history(work: Work, kept: Sequence[Kept], counts: Counts) -> None:
    """Store events that are new, and how far their leads came with them; adds to the counts."""
    if not kept:
        return
    bundles = split(kept)
    rows = await work.fetch("SELECT nextval('bundle_ids') AS id FROM generate_series(1, $1)", len(bundles))
    numbered = [(row["id"], bundle) for row, bundle in zip(rows, bundles, strict=True)]
    await work.db.executemany(_BUNDLES, [(number, work.now, *pack_kept(bundle)) for number, bundle in numbered])
    reached = Reached()
    for number, bundle in numbered:
        for item in bundle:
            reached.add(number, item)
    given = sorted(reached.rows.items())
    columns = map(list, zip(*(row for _, row in given), strict=True))
    too_late: list[str] = []
    for row in await work.fetch(_PROGRESS, [lead_id for lead_id, _ in given], *columns):
        if row["n"]:
            _count_cohort(row, counts)
            continue
        _correct(row, reached)
        if row["erased"]:
            too_late.append(str(row["lead_id"]))
    counts.add_reached(reached)
    if too_late:
        await blank_bundles(work, too_late)


def _correct(row: Any, reached: Reached) -> None:
    """A lead that had reached some of these stages: a later event counts nothing, an earlier one moves the count."""
    given = reached.rows[str(row["lead_id"])]
    for n in MEMBERS[row["was"] & given[1]]:
        at = (row[f"{STAGES[n]}_at"] - _EPOCH) // _MICROSECOND
        reached.count(max((at, row[f"{STAGES[n]}_from"]), of(given, n)), n, -1)


def _count_cohort(row: Any, counts: Counts) -> None:
    if row["was_day"] is not None:
        counts.cohorts[row["was_day"], row["was_from"], row["was"]] -= row["n"]
    if row["now_day"] is not None:
        counts.cohorts[row["now_day"], row["now_from"], row["now"]] += row["n"]


async def blank_bundles(work: Work, lead_ids: Sequence[str]) -> set[Place]:
    """Take the personal part out of all bundled events of these leads, whose rows the caller has locked; the facts stay.
    Where their submissions stand, as far as they were not blanked before."""
    rows = await work.fetch(
        """
        SELECT bundle_id, body FROM bundles
        WHERE bundle_id IN (SELECT unnest(bundles) FROM progress WHERE lead_id = ANY($1::uuid[]))
        ORDER BY bundle_id FOR UPDATE
        """,
        lead_ids,
    )
    places: set[Place] = set()
    wanted = frozenset(lead_ids)
    for row in rows:
        entries = unpack(row["body"])
        places |= places_of(entries, wanted)
        body = pack(forget(entries, wanted))
        await work.execute("UPDATE bundles SET body = $2 WHERE bundle_id = $1", row["bundle_id"], body)
    return places
