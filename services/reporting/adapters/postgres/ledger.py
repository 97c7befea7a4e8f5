"""The ledger, counted in Postgres: every figure by itself, offenders by anti-join, both page by page."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from services.reporting.adapters.postgres.behaviour import read_behaviour_ledger
from services.reporting.adapters.postgres.books import any_admitted, any_final
from services.reporting.domain.ledger import ADMITTED, FINAL, PROVISIONAL, REJECTED, Balance, Findings, StageEquation
from services.reporting.domain.pages import PAGE, offsets_in
from services.reporting.domain.stages import BIT
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work

_ZERO: Final = f"repeat('0', {PAGE})::bit({PAGE})"
_SETTLED: Final = f"coalesce({any_final('s')}, {_ZERO})"
_LOST: Final = f"r.bits & ~({_SETTLED} | coalesce(s.held_bits, {_ZERO}))"


def _sum(kind: str) -> str:
    standing = f"s.{kind}_bits & ~({any_admitted('s')})" if kind == REJECTED else f"s.{kind}_bits"
    return f"coalesce(sum(bit_count(r.bits & {standing})), 0)::bigint AS {kind}"


# An outcome that another may follow counts while none that is final has come; of several, the newest. Where a refusal was
# replayed and came to such an outcome since, that one counts.
_BALANCES: Final = f"""
    WITH provisional AS (
        SELECT DISTINCT ON (topic_id, partition, "offset") topic_id, partition, "offset", "offset" / {PAGE} AS page,
               ("offset" % {PAGE})::int AS place, outcome, settled_at
        FROM outcomes ORDER BY topic_id, partition, "offset", settled_at DESC, event_id
    ), waiting AS (
        SELECT r.source, {", ".join(f"count(*) FILTER (WHERE o.outcome = '{name}') AS {name}" for name in PROVISIONAL)},
               count(*) FILTER (WHERE get_bit({any_final("s")}, o.place) = 1) AS reopened
        FROM provisional o JOIN received r USING (topic_id, partition, page)
        JOIN settled s USING (topic_id, partition, page)
        LEFT JOIN parked k ON k.kind = 'rejected'
            AND (k.topic_id, k.partition, k."offset") = (o.topic_id, o.partition, o."offset")
        WHERE get_bit(r.bits, o.place) = 1 AND (get_bit({any_final("s")}, o.place) = 0 OR
            (get_bit({any_admitted("s")}, o.place) = 0 AND get_bit(s.replayed_bits, o.place) = 1
             AND k.parked_at < o.settled_at))
        GROUP BY r.source
    ), counted AS (
        SELECT r.source, sum(bit_count(r.bits))::bigint AS received, {", ".join(map(_sum, FINAL))},
               sum(bit_count({_LOST}))::bigint AS in_flight
        FROM received r LEFT JOIN settled s USING (topic_id, partition, page) GROUP BY r.source
    )
    SELECT c.source, c.received, {", ".join(f"c.{name}" for name in FINAL if name != REJECTED)}, c.in_flight,
           c.{REJECTED} - coalesce(w.reopened, 0) AS {REJECTED},
           {", ".join(f"coalesce(w.{name}, 0) AS {name}" for name in PROVISIONAL)}
    FROM counted c LEFT JOIN waiting w USING (source) ORDER BY source
"""

_IN_FLIGHT: Final = f"""
    SELECT r.topic, r.topic_id::text, r.partition, r.page, r.source, r.received_on, {_LOST} AS bits
    FROM received r LEFT JOIN settled s USING (topic_id, partition, page)
    WHERE bit_count({_LOST}) > 0 ORDER BY r.received_on, r.topic_id, r.partition, r.page, r.source LIMIT $1
"""

_KIND_OF: Final = " ".join(f"WHEN '{kind}' THEN s.{kind}_bits" for kind in (*FINAL, "held"))
_STRANGERS: Final = f"""
    WITH known AS (SELECT topic_id, partition, page, bit_or(bits) AS bits FROM received GROUP BY 1, 2, 3), strange AS (
        SELECT s.topic_id, s.partition, s.page, k.kind,
               (CASE k.kind {_KIND_OF} END) & ~coalesce(known.bits, {_ZERO}) AS bits
        FROM settled s LEFT JOIN known USING (topic_id, partition, page)
        CROSS JOIN unnest(ARRAY[{", ".join(f"'{kind}'" for kind in (*FINAL, "held"))}]) AS k (kind)
    )
    SELECT topic_id::text, partition, page, kind, bits, sum(bit_count(bits)) OVER ()::bigint AS total
    FROM strange WHERE bit_count(bits) > 0 ORDER BY topic_id, partition, page, kind LIMIT $1
"""

_PLACE: Final = f'(d."offset" % {PAGE})::int'
_STANDING: Final = ", ".join(
    f"CASE WHEN get_bit(bit_or(s.{kind}_bits), {_PLACE}) = 1 THEN '{kind}' END" for kind in FINAL
)
_DOUBLES: Final = f"""
    SELECT d.topic_id::text, d.partition, d."offset",
           array_remove(ARRAY[{_STANDING}], NULL) || array_agg(d.outcome ORDER BY d.settled_at, d.event_id) AS outcomes,
           array_agg(d.event_id::text ORDER BY d.settled_at, d.event_id) AS event_ids, count(*) OVER () AS total
    FROM doubles d
    LEFT JOIN settled s ON (s.topic_id, s.partition, s.page) = (d.topic_id, d.partition, d."offset" / {PAGE})
    GROUP BY d.topic_id, d.partition, d."offset" ORDER BY d.topic_id, d.partition, d."offset" LIMIT $1
"""

# Refused and taken, and nobody asked for it.
_UNASKED: Final = f"""
    WITH both_ways AS (
        SELECT s.topic_id, s.partition, s.page, k.kind,
               s.{REJECTED}_bits & ~s.replayed_bits & (CASE k.kind {_KIND_OF} END) AS bits
        FROM settled s CROSS JOIN unnest(ARRAY[{", ".join(f"'{kind}'" for kind in ADMITTED)}]) AS k (kind)
    )
    SELECT topic_id::text, partition, page, kind, bits, sum(bit_count(bits)) OVER ()::bigint AS total
    FROM both_ways WHERE bit_count(bits) > 0 ORDER BY topic_id, partition, page, kind LIMIT $1
"""

# Leads by how far they came are counted already; only days on which some did not go on are looked into.
_STAGE: Final = """
    SELECT coalesce(sum(count) FILTER (WHERE stages & $2 <> 0), 0)::bigint AS done,
           array_agg(DISTINCT day) FILTER (WHERE stages & $2 = 0 AND count <> 0) AS days
    FROM cohorts WHERE stages & $1 <> 0
"""

# A lead that was merged away need not go on: it is no longer one. Nor does one that was erased on its way.
_UNDONE: Final = """
    WITH undone AS (
        SELECT p.* FROM unnest($3::date[]) AS d (day) JOIN progress p
            ON p.captured_at >= d.day::timestamp AT TIME ZONE 'utc'
            AND p.captured_at < (d.day + 1)::timestamp AT TIME ZONE 'utc'
        UNION ALL SELECT p.* FROM progress p WHERE p.captured_at IS NULL
    ), found AS (
        SELECT u.lead_id, CASE $1::int {times} END AS since,
               EXISTS (SELECT 1 FROM parked k WHERE k.lead_id = u.lead_id AND k.service = $4) AS dead_lettered
        FROM undone u
        WHERE u.stages & $1::int <> 0 AND u.stages & $2::int = 0 AND NOT u.erased
          AND NOT EXISTS (SELECT 1 FROM aliases a WHERE a.loser_id = u.lead_id AND a.winner_id <> a.loser_id)
    )
    SELECT lead_id::text, since, dead_lettered, count(*) FILTER (WHERE dead_lettered) OVER () AS dead,
           count(*) FILTER (WHERE NOT dead_lettered) OVER () AS waiting
    FROM found ORDER BY dead_lettered, since, lead_id LIMIT $5
""".replace("{times}", " ".join(f"WHEN {bit} THEN u.{stage}_at" for stage, bit in BIT.items()))

_PURGED: Final = "SELECT what, count(*) AS leads FROM purged GROUP BY what ORDER BY what"

# (stage entered, stage that follows, the service between them)
STEPS: Final = (("captured", "scored", "scoring"), ("scored", "routed", "routing"))


async def read_ledger(work: Work, *, limit: int = 100) -> Findings:
    """The whole ledger; at most `limit` offenders of a kind are listed."""
    balances = [Balance(**dict(row)) for row in await work.fetch(_BALANCES)]
    strangers = await work.fetch(_STRANGERS, limit)
    doubles = await work.fetch(_DOUBLES, limit)
    unasked = await work.fetch(_UNASKED, limit)
    lost = await work.fetch(_IN_FLIGHT, limit) if any(b.in_flight for b in balances) else []
    behaviour, unsettled = await read_behaviour_ledger(work, limit)
    place = ("topic", "topic_id", "partition", "source", "received_on")
    offenders: dict[str, Sequence[Mapping[str, Any]]] = {
        "in_flight": list(islice(_each(lost, *place), limit)),
        "events_in_flight": list(islice(_each(unsettled, *place), limit)),
        "strangers": list(islice(_each(strangers, "topic_id", "partition", outcome="kind"), limit)),
        "doubles": [*_plain(doubles), *_unasked(unasked)][:limit],
    }
    stages = [await _stage(work, step, offenders, limit) for step in STEPS]
    purged = {row["what"]: row["leads"] for row in await work.fetch(_PURGED)}
    return Findings(
        balances, stages, _total(strangers), _total(doubles) + _total(unasked), offenders, behaviour, purged
    )


async def _stage(
    work: Work, step: tuple[str, str, str], offenders: dict[str, Sequence[Mapping[str, Any]]], limit: int
) -> StageEquation:
    entered, done, service = BIT[step[0]], BIT[step[1]], step[2]
    (counted,) = await work.fetch(_STAGE, entered, done)
    undone = await work.fetch(_UNDONE, entered, done, counted["days"] or [], service, limit)
    offenders[f"not_{step[1]}"] = [
        {"lead_id": row["lead_id"], "since": rfc3339(row["since"])} for row in undone if not row["dead_lettered"]
    ]
    dead, waiting = (undone[0]["dead"], undone[0]["waiting"]) if undone else (0, 0)
    return StageEquation(step[1], counted["done"] + dead + waiting, counted["done"], dead, waiting)


def _each(rows: Sequence[Any], *names: str, outcome: str | None = None) -> Iterator[dict[str, Any]]:
    """One for each record that is marked on these pages."""
    for row in rows:
        said = {name: _plain_value(row[name]) for name in names}
        for offset in offsets_in(row["page"], row["bits"].bytes):
            yield {**said, "offset": offset, **({"outcome": row[outcome]} if outcome else {})}


def _unasked(rows: Sequence[Any]) -> list[dict[str, Any]]:
    found = _each(rows, "topic_id", "partition", outcome="kind")
    return [{**each, "outcomes": [REJECTED, kind], "event_ids": []} for each in found for kind in [each.pop("outcome")]]


def _total(rows: Sequence[Any]) -> int:
    return int(rows[0]["total"]) if rows else 0


def _plain(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "total"} for row in rows]


def _plain_value(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
