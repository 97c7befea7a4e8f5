"""The books: which records were received, stored, and settled, as pages of bits that are set once."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Any, Final

from asyncpg import BitString

from services.reporting.adapters.postgres.counts import Counts
from services.reporting.adapters.postgres.leads import events_of_leads
from services.reporting.domain.ledger import ADMITTED, FINAL, REJECTED
from services.reporting.domain.pages import EMPTY, PAGE, Page, Pages, offsets_in
from services.reporting.domain.rows import Kept, OutcomeRow, Rows
from shared.handling.work import Work

Coordinates = tuple[str, int, int]
_FIRST_DAY: Final = date(1970, 1, 1)
_HELD: Final = "held"
_REPLAYED: Final = "replayed"
_KINDS: Final = (*FINAL, _HELD, _REPLAYED)


def any_final(row: str) -> str:
    """SQL: the records of a page of `settled` that have a final outcome."""
    return " | ".join(f"{row}.{kind}_bits" for kind in FINAL)


def any_admitted(row: str) -> str:
    """SQL: the records of a page of `settled` that were taken: what was refused before is replaced by that."""
    return " | ".join(f"{row}.{kind}_bits" for kind in ADMITTED)


_STORED: Final = f"""
    WITH marked AS (
        INSERT INTO stored AS s (topic_id, partition, page, bits)
        SELECT * FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::bit({PAGE})[])
        ON CONFLICT (topic_id, partition, page) DO UPDATE SET bits = s.bits | excluded.bits
        RETURNING s.topic_id, s.partition, s.page, old.bits
    )
    SELECT topic_id::text, partition, page, m.bits & u.bits AS again
    FROM marked m JOIN unnest($1::uuid[], $2::int[], $3::bigint[], $4::bit({PAGE})[]) AS u (topic_id, partition, page, bits)
         USING (topic_id, partition, page)
    WHERE bit_count(m.bits & u.bits) > 0
"""

_RECEIVED: Final = f"""
    INSERT INTO received AS r (topic_id, partition, page, source, topic, received_on, bits)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::date[], $7::bit({PAGE})[])
    ON CONFLICT (topic_id, partition, page, source, received_on) DO UPDATE SET bits = r.bits | excluded.bits
    RETURNING r.received_on AS day, r.source, bit_count(new.bits) - coalesce(bit_count(old.bits), 0) AS n
"""

# A record that was taken keeps its outcome: what comes second is looked into. A refusal gives way to it, whichever comes
# first, and both are remembered; others may give way to another too (`held`), and some were asked to (`replayed`).
_SETTLED: Final = f"""
    WITH marked AS (
        INSERT INTO settled AS s (topic_id, partition, page, {", ".join(f"{k}_bits" for k in _KINDS)})
        SELECT * FROM unnest($1::uuid[], $2::int[], $3::bigint[], {", ".join(f"${n}::bit({PAGE})[]" for n in range(4, 10))})
        ON CONFLICT (topic_id, partition, page) DO UPDATE
        SET {", ".join(f"{k}_bits = s.{k}_bits | excluded.{k}_bits" for k in (REJECTED, _HELD, _REPLAYED))},
            {", ".join(f"{k}_bits = s.{k}_bits | (excluded.{k}_bits & ~({any_admitted('s')}))" for k in ADMITTED)}
        RETURNING s.topic_id, s.partition, s.page, {any_admitted("old")} AS admitted, old.{REJECTED}_bits AS refused
    ), again AS (
        SELECT topic_id, partition, page, m.admitted & u.admitted AS admitted, m.refused & u.refused AS refused
        FROM marked m JOIN unnest($1::uuid[], $2::int[], $3::bigint[], $10::bit({PAGE})[], $6::bit({PAGE})[])
             AS u (topic_id, partition, page, admitted, refused) USING (topic_id, partition, page)
    )
    SELECT topic_id::text, partition, page, admitted, refused FROM again WHERE bit_count(admitted | refused) > 0
"""

_DOUBLES: Final = """
    INSERT INTO doubles (topic_id, partition, "offset", event_id, outcome, settled_at)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::uuid[], $5::text[], $6::timestamptz[])
    ON CONFLICT DO NOTHING
"""


async def first_deliveries(work: Work, rows: Rows) -> Sequence[Kept]:
    """The records that are not stored yet, in their order; they count as stored from now on."""
    pages = rows.stored.in_order()
    if not pages:
        return rows.kept
    again = _places(await work.fetch(_STORED, *_columns(pages), [_bits(bits) for _, bits in pages]))
    if not again:
        return rows.kept
    return [k for k in rows.kept if (k.topic_id, k.partition, k.offset) not in again]


async def save_received(work: Work, received: Pages) -> Counts:
    """Note what sources sent; counts what was not noted before."""
    counts = Counts()
    if not (pages := received.in_order()):
        return counts
    said = [page.label for page, _ in pages]
    found = await work.fetch(
        _RECEIVED, *_columns(pages), [s.source for s in said], [s.topic for s in said],
        [_FIRST_DAY + timedelta(days=s.day) for s in said], [_bits(bits) for _, bits in pages],
    )  # fmt: skip
    for row in found:
        counts.funnel[row["day"], row["source"], "received"] += row["n"]
    return counts


async def settle(work: Work, rows: Rows) -> None:
    """Note final outcomes, where there are others, and who was replayed; a final one that comes second for its record, not
    in the place of a refusal, is a double."""
    first: dict[tuple[Coordinates, bool], str] = {}
    pages, doubtful = Pages(), list[OutcomeRow]()
    for row in rows.final:
        if first.setdefault((row[:3], row.outcome == REJECTED), row.event_id) != row.event_id:
            doubtful.append(row)
        else:
            pages.mark(*row[:3], row.outcome)
    for place in rows.replayed_places:
        pages.mark(*place, _REPLAYED)
    for row in rows.outcomes:
        pages.mark(*row[:3], _HELD)
    if pages.bits:
        found = await work.fetch(_SETTLED, *_settled_columns(pages))
        admitted, refused = _places(found, "admitted"), _places(found, "refused")
        doubtful += [row for row in rows.final if row[:3] in (refused if row.outcome == REJECTED else admitted)]
    if doubles := [row for row in doubtful if not await _is_known(work, row)]:
        places = [list(column) for column in zip(*(row[:5] for row in doubles), strict=True)]
        await work.execute(_DOUBLES, *places, [row.settled_at for row in doubles])


async def _is_known(work: Work, row: OutcomeRow) -> bool:
    """Whether an event with this id was stored by an earlier batch."""
    if row.lead_id is not None:
        events = await events_of_leads(work, [row.lead_id])
        return any(event.event_id == row.event_id for event in events[row.lead_id])
    found = await work.fetch("SELECT 1 FROM events WHERE event_id = $1 AND lead_id IS NULL LIMIT 1", row.event_id)
    return bool(found)


def _settled_columns(pages: Pages) -> list[list[Any]]:
    """A row a page, with the bits of each kind, and those of everything that was taken."""
    kinds: dict[Page, dict[str, bytes]] = {}
    for page, bits in pages.in_order():
        kinds.setdefault(page._replace(label=None), {})[page.label] = bits
    columns = [[_bits(found.get(kind, EMPTY)) for found in kinds.values()] for kind in _KINDS]
    return [*(list(column) for column in zip(*kinds, strict=True))][:3] + columns + [[_any(f) for f in kinds.values()]]


def _any(found: dict[str, bytes]) -> BitString:
    together = 0
    for kind in ADMITTED:
        together |= int.from_bytes(found.get(kind, EMPTY))
    return _bits(together.to_bytes(len(EMPTY)))


def _columns(pages: Sequence[tuple[Page, bytes]]) -> list[list[Any]]:
    return [[page[n] for page, _ in pages] for n in range(3)]


def _bits(found: bytes) -> BitString:
    return BitString.frombytes(found, PAGE)


def _places(rows: Sequence[Any], kind: str = "again") -> Collection[Coordinates]:
    """The coordinates of what was marked before."""
    return {
        (row["topic_id"], row["partition"], offset)
        for row in rows
        for offset in offsets_in(row["page"], row[kind].bytes)
    }
