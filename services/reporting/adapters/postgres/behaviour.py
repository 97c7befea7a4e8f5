"""What people do, in the books: pages of what came and of what became of it, materials, and their ledger."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from asyncpg import BitString

from services.reporting.domain.ledger import FATES, BehaviourBalance
from services.reporting.domain.pages import EMPTY, PAGE, Page, Pages
from services.reporting.domain.rows import Rows
from shared.handling.work import Work

_FIRST_DAY: Final = date(1970, 1, 1)
_ZERO: Final = f"repeat('0', {PAGE})::bit({PAGE})"

_OBSERVED: Final = f"""
    INSERT INTO observed AS o (topic_id, partition, page, source, topic, received_on, bits)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::date[], $7::bit({PAGE})[])
    ON CONFLICT (topic_id, partition, page, source, received_on) DO UPDATE SET bits = o.bits | excluded.bits
"""
_SETTLE: Final = f"""
    INSERT INTO fates AS f (topic_id, partition, page, {", ".join(f"{fate}_bits" for fate in FATES)})
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::bigint[], {", ".join(f"${n}::bit({PAGE})[]" for n in range(4, 4 + len(FATES)))})
    ON CONFLICT (topic_id, partition, page) DO UPDATE
    SET {", ".join(f"{fate}_bits = f.{fate}_bits | excluded.{fate}_bits" for fate in FATES)}
"""
_MATERIALS: Final = """
    INSERT INTO material_steps (event_id, material_id, lead_id, step, at, human)
    SELECT u.e, u.m, u.l, u.s, timestamptz 'epoch' + u.us * interval '1 microsecond', u.h
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::bigint[], $6::boolean[]) AS u (e, m, l, s, us, h)
    ON CONFLICT DO NOTHING
"""
_CORRECT: Final = """
    UPDATE material_steps AS m SET human = u.human FROM unnest($1::uuid[], $2::boolean[]) AS u (event_id, human)
    WHERE m.event_id = u.event_id
"""


def _any_of(fates: Sequence[str]) -> str:
    return " | ".join(f"coalesce(f.{fate}_bits, {_ZERO})" for fate in fates) or _ZERO


def _counted(nth: int) -> str:
    """SQL: how many records have this outcome and none that counts before it."""
    fate, before = FATES[nth], FATES[:nth]
    return f"coalesce(sum(bit_count(o.bits & f.{fate}_bits & ~({_any_of(before)}))), 0)::bigint AS {fate}"


_BALANCES: Final = f"""
    SELECT o.source, sum(bit_count(o.bits))::bigint AS received, {", ".join(map(_counted, range(len(FATES))))},
           sum(bit_count(o.bits & ~({_any_of(FATES)})))::bigint AS in_flight
    FROM observed o LEFT JOIN fates f USING (topic_id, partition, page) GROUP BY o.source ORDER BY o.source
"""
_IN_FLIGHT: Final = f"""
    SELECT o.topic, o.topic_id::text, o.partition, o.page, o.source, o.received_on, o.bits & ~({_any_of(FATES)}) AS bits
    FROM observed o LEFT JOIN fates f USING (topic_id, partition, page)
    WHERE bit_count(o.bits & ~({_any_of(FATES)})) > 0
    ORDER BY o.received_on, o.topic_id, o.partition, o.page, o.source LIMIT $1
"""


async def save_behaviour(work: Work, rows: Rows) -> None:
    """Write what a batch says of behaviour. Marks and steps are the same however often they are written."""
    if pages := rows.observed.in_order():
        said = [page.label for page, _ in pages]
        await work.execute(
            _OBSERVED, *_places([page for page, _ in pages]), [s.source for s in said], [s.topic for s in said],
            [_FIRST_DAY + timedelta(days=s.day) for s in said], [_bits(bits) for _, bits in pages],
        )  # fmt: skip
    if rows.fates.bits:
        await _save_fates(work, rows.fates)
    if rows.materials:
        steps = {row.event_id: row for row in rows.materials}
        await work.execute(_MATERIALS, *map(list, zip(*(steps[key] for key in sorted(steps)), strict=True)))
    if rows.corrected:
        await work.execute(_CORRECT, *map(list, zip(*sorted(rows.corrected.items()), strict=True)))


async def _save_fates(work: Work, fates: Pages) -> None:
    found: dict[Page, dict[str, bytes]] = {}
    for page, bits in fates.in_order():
        found.setdefault(page._replace(label=None), {})[page.label] = bits
    columns = [[_bits(of_page.get(fate, EMPTY)) for of_page in found.values()] for fate in FATES]
    await work.execute(_SETTLE, *_places(list(found)), *columns)


def _places(pages: Sequence[Page]) -> list[list[Any]]:
    return [[page[n] for page in pages] for n in range(3)]


def _bits(found: bytes) -> BitString:
    return BitString.frombytes(found, PAGE)


async def read_behaviour_ledger(work: Work, limit: int) -> tuple[list[BehaviourBalance], Sequence[Any]]:
    """A line a source, and pages of what is in flight."""
    balances = [BehaviourBalance(**dict(row)) for row in await work.fetch(_BALANCES)]
    lost = await work.fetch(_IN_FLIGHT, limit) if any(b.in_flight for b in balances) else []
    return balances, lost
