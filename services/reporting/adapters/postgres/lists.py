"""Lists of people: the records that came on each as pages of bits, a row a lead of a list, counted when asked for."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from asyncpg import BitString

from services.reporting.adapters.postgres.books import any_admitted, any_final
from services.reporting.adapters.postgres.leads import events_of_leads
from services.reporting.domain.lists import (
    ByOfLists,
    Listing,
    ListName,
    list_table,
    listing_said,
    newest_listings,
    won_of,
)
from services.reporting.domain.pages import PAGE, Pages
from services.reporting.domain.rows import Kept, Rows
from shared.handling.work import Work

_AT_ONCE: Final = 200
_NAMES: Final = {"list_name", "vendor"}
_LISTED: Final = f"""
    INSERT INTO listed AS l (topic_id, partition, page, list_name, vendor, bits)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::bit({PAGE})[])
    ON CONFLICT (topic_id, partition, page, list_name, vendor) DO UPDATE SET bits = l.bits | excluded.bits
"""
_SAVE: Final = """
    INSERT INTO lead_lists AS o (lead_id, lead_version, list_name, vendor, bounced, verified)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::bool[], $6::bool[])
    ON CONFLICT (lead_id) DO UPDATE
    SET lead_version = greatest(o.lead_version, excluded.lead_version), verified = o.verified OR excluded.verified,
        (list_name, vendor, bounced) = (
            SELECT * FROM (VALUES (excluded.list_name, excluded.vendor, excluded.bounced)) AS e
            WHERE excluded.lead_version > o.lead_version
            UNION ALL SELECT o.list_name, o.vendor, o.bounced WHERE excluded.lead_version <= o.lead_version
        )
"""
# A merge tells of many leads that never were on a list: only those that are known here are told of none.
_KNOWN: Final = "SELECT lead_id::text FROM lead_lists WHERE lead_id = ANY($1::uuid[])"
_COSTS: Final = """
    INSERT INTO list_costs AS c (list_name, vendor, currency, amount)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::numeric[])
    ON CONFLICT (list_name, vendor, currency) DO UPDATE SET amount = greatest(c.amount, excluded.amount)
"""


def _sum(kind: str) -> str:
    standing = f"s.{kind}_bits & ~({any_admitted('s')})" if kind == "rejected" else f"s.{kind}_bits"
    return f"coalesce(sum(bit_count(l.bits & {standing})), 0)::bigint AS {kind}"


# What is quarantined waits while nothing final has come; of several outcomes, the newest.
_ROWS: Final = f"""
    WITH waiting AS (
        SELECT l.list_name, l.vendor, count(*) AS quarantined
        FROM (
            SELECT DISTINCT ON (topic_id, partition, "offset") topic_id, partition, "offset" / {PAGE} AS page,
                   ("offset" % {PAGE})::int AS place, outcome
            FROM outcomes ORDER BY topic_id, partition, "offset", settled_at DESC, event_id
        ) AS o JOIN listed l USING (topic_id, partition, page) JOIN settled s USING (topic_id, partition, page)
        WHERE o.outcome = 'quarantined' AND get_bit(l.bits, o.place) = 1 AND get_bit({any_final("s")}, o.place) = 0
        GROUP BY l.list_name, l.vendor
    )
    SELECT l.list_name, l.vendor, sum(bit_count(l.bits))::bigint AS rows, {_sum("new")}, {_sum("merged")},
           {_sum("rejected")}, coalesce(max(w.quarantined), 0)::bigint AS quarantined
    FROM listed l LEFT JOIN settled s USING (topic_id, partition, page) LEFT JOIN waiting w USING (list_name, vendor)
    GROUP BY l.list_name, l.vendor
"""
# A lead that was merged away is counted as the one that it is now, by what is known of that, else of itself.
_PEOPLE: Final = """
    WITH people AS (
        SELECT DISTINCT ON (s.lead_id) s.lead_id, s.list_name, s.vendor, s.bounced, s.verified,
               p.converted_at IS NOT NULL AS converted
        FROM (
            SELECT coalesce(a.winner_id, o.lead_id) AS lead_id, a.winner_id IS NULL AS itself, o.lead_version,
                   o.list_name, o.vendor, o.bounced,
                   bool_or(o.verified) OVER (PARTITION BY coalesce(a.winner_id, o.lead_id)) AS verified
            FROM lead_lists o LEFT JOIN aliases a ON a.loser_id = o.lead_id AND a.winner_id <> a.loser_id
            WHERE o.list_name IS NOT NULL
        ) AS s LEFT JOIN progress p USING (lead_id)
        ORDER BY s.lead_id, s.itself DESC, s.lead_version DESC, s.list_name
    )
"""
_COUNTS: Final = f"""{_PEOPLE}
    SELECT list_name, vendor, count(*) AS leads, count(*) FILTER (WHERE bounced) AS bounced,
           count(*) FILTER (WHERE verified) AS verified, count(*) FILTER (WHERE converted) AS converted
    FROM people GROUP BY list_name, vendor
"""
_CONVERTED: Final = f"{_PEOPLE} SELECT lead_id::text, list_name, vendor FROM people WHERE converted ORDER BY lead_id"


async def save_lists(work: Work, rows: Rows, kept: Sequence[Kept]) -> None:
    """Write which records came on a list and what is said of leads' lists; nothing where nothing is."""
    if rows.listed.bits:
        await work.execute(_LISTED, *_columns(rows.listed))
    said = [*rows.listings, *_said(kept)]
    if said:
        await _save_listings(work, newest_listings(said))
        await _save_costs(work, said)


async def list_rows(work: Work, by: ByOfLists) -> list[dict[str, Any]]:
    """A row a list, or a vendor. Only leads that were converted are looked at one by one."""
    counted = [*await work.fetch(_ROWS), *await work.fetch(_COUNTS)]
    costs = await work.fetch("SELECT list_name, vendor, currency, amount FROM list_costs")
    return list_table(
        by,
        [(_list(row), {name: n for name, n in row.items() if name not in _NAMES}) for row in counted],
        [(_list(row), {row["currency"]: row["amount"]}) for row in costs],
        await _won(work),
    )


async def _won(work: Work) -> list[tuple[ListName, Mapping[str, Decimal]]]:
    of = {row["lead_id"]: _list(row) for row in await work.fetch(_CONVERTED)}
    found: list[tuple[ListName, Mapping[str, Decimal]]] = []
    lead_ids = list(of)
    for start in range(0, len(lead_ids), _AT_ONCE):
        events = await events_of_leads(work, lead_ids[start : start + _AT_ONCE])
        found += [(of[lead_id], won_of(of_lead)) for lead_id, of_lead in events.items()]
    return found


def _said(kept: Iterable[Kept]) -> Iterable[Listing]:
    for each in kept:
        if (
            each.type in ("lead.captured", "lead.unmerged")
            and (said := listing_said(each.type, each.value)) is not None
        ):
            yield said


async def _save_listings(work: Work, said: Sequence[Listing]) -> None:
    told_none = [one.lead_id for one in said if one.list_name is None]
    known = {row["lead_id"] for row in await work.fetch(_KNOWN, told_none)} if told_none else set()
    rows = [one[:6] for one in said if one.list_name is not None or one.lead_id in known]
    if rows:
        await work.execute(_SAVE, *map(list, zip(*rows, strict=True)))


async def _save_costs(work: Work, said: Sequence[Listing]) -> None:
    costs: dict[tuple[str, str, str], Decimal] = {}
    for one in said:
        if one.cost is not None and one.list_name is not None:
            key = (one.list_name, one.vendor or "", one.cost[0])
            costs[key] = max(costs.get(key, one.cost[1]), one.cost[1])
    if costs:
        rows = [(*key, costs[key]) for key in sorted(costs)]
        await work.execute(_COSTS, *map(list, zip(*rows, strict=True)))


def _columns(listed: Pages) -> list[list[Any]]:
    pages = listed.in_order()
    of = [page.label for page, _ in pages]
    bits = [BitString.frombytes(found, PAGE) for _, found in pages]
    return [*([page[n] for page, _ in pages] for n in range(3)), [o.name for o in of], [o.vendor for o in of], bits]


def _list(row: Any) -> ListName:
    return ListName(row["list_name"], row["vendor"] or "")
