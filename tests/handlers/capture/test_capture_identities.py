"""Whose an identity is, as stored: claims, corrections, shares, and what a merge moves."""

import asyncio

import pytest

from services.capture.domain.identity import IdentityKey, digest_of
from shared.contracts import ids
from shared.persistence import migrations
from tests.support.capture import MIGRATIONS, Bench, create_schema, event_of, record
from tests.support.capture_commands import merge
from tests.support.stack import Servers

pytestmark = pytest.mark.stack

PHONE = "+14155550100"


async def leads_of(bench: Bench, kind: str, value: str) -> list[str]:
    """The leads of an identity, the first one first."""
    digest = digest_of(IdentityKey(kind, value))  # type: ignore[arg-type]
    first = await bench.fetch("SELECT lead_id::text FROM identities WHERE digest = $1", digest)
    shares = await bench.fetch("SELECT lead_id::text FROM identity_shares WHERE digest = $1 ORDER BY 1", digest)
    return [row[0] for row in (*first, *shares)]


def lead_ids(settled: object) -> list[str]:
    return [event_of(one)["lead"]["lead_id"] for one in settled]  # type: ignore[attr-defined]


async def test_an_identity_that_a_known_person_brings_is_that_persons(bench: Bench) -> None:
    (ann,) = lead_ids(await bench.settle(record(0, {"email": "ann@example.com"})))
    again = await bench.settle(record(1, {"email": "ann@example.com", "phone": PHONE, "external_id": "7"}))
    assert lead_ids(again) == [ann]
    assert await leads_of(bench, "phone", PHONE) == [ann]
    assert await leads_of(bench, "external_id", "web:7") == [ann]
    assert lead_ids(await bench.settle(record(2, {"external_id": "7"}))) == [ann]


async def test_people_of_one_switchboard_share_its_number(bench: Bench) -> None:
    people = [
        record(n, {"email": f"p{n}@example.com", "phone": PHONE, "first_name": name})
        for n, name in enumerate(("Ann", "Bob", "Eve"))
    ]
    found = lead_ids([*await bench.settle(*people[:2]), *await bench.settle(people[2])])
    assert len(set(found)) == 3
    stored = await leads_of(bench, "phone", PHONE)
    assert (stored[0], set(stored)) == (found[0], set(found))
    assert lead_ids(await bench.settle(record(9, {"phone": PHONE, "first_name": "Bob"}))) == [found[1]]


async def test_a_merge_leaves_every_identity_with_the_lead_that_it_came_to(bench: Bench) -> None:
    people = [
        record(0, {"email": "ann@example.com", "phone": PHONE, "first_name": "Ann"}),
        record(1, {"email": "bob@example.com", "phone": PHONE, "first_name": "Bob", "touch": {"gclid": "Tx9"}}),
        record(2, {"email": "eve@example.com", "phone": PHONE, "first_name": "Eve"}),
    ]
    ann, bob, eve = lead_ids(await bench.settle(*people))
    await bench.settle(merge(10, bob, ann))
    await bench.settle(merge(11, eve, bob))
    assert await leads_of(bench, "email", "ann@example.com") == [ann]
    assert await leads_of(bench, "click_id", "gclid:Tx9") == [bob]
    assert set(await leads_of(bench, "phone", PHONE)) == {ann, bob, eve}
    (settled,) = await bench.settle(record(20, {"email": "ann@example.com", "title": "CEO"}))
    assert lead_ids([settled]) == [eve]


async def test_an_identity_left_with_a_merged_lead_leads_to_the_survivor(bench: Bench) -> None:
    ann, bob = lead_ids(
        await bench.settle(record(0, {"email": "ann@example.com"}), record(1, {"email": "bob@example.com"}))
    )
    await bench.settle(merge(10, ann, bob))
    await bench.fetch("UPDATE identities SET lead_id = $1 RETURNING 1", bob)
    settled = await bench.settle(record(2, {"email": "bob@example.com", "title": "CEO"}))
    assert lead_ids(settled) == [ann]


async def test_identities_of_the_first_tables_are_kept(blank: Servers) -> None:
    await create_schema(blank.postgres)
    await asyncio.to_thread(migrations.downgrade, "capture", MIGRATIONS, blank.postgres, "0001")
    bench = Bench(blank.postgres)
    first, second, event = (ids.derive(ids.LEADS, name) for name in ("a", "b", "event"))
    try:
        await bench.fetch(
            "INSERT INTO identities (kind, value) VALUES ('phone', $1), ('email', 'é') RETURNING 1", PHONE
        )
        await bench.fetch(
            "INSERT INTO identity_links SELECT identity_id, unnest($1::uuid[]), $2 FROM identities RETURNING 1",
            [first, second],
            event,
        )
        await bench.fetch(
            "INSERT INTO merges SELECT $1::uuid, $1, $1, 1, '', '[]', json_build_array(json_build_array(min(identity_id), $1::uuid)), now()"
            " FROM identities RETURNING 1",
            event,
        )
        await create_schema(blank.postgres)
        assert set(await leads_of(bench, "phone", PHONE)) == set(await leads_of(bench, "email", "é")) == {first, second}
        (moved,) = await bench.fetch("SELECT moved_links -> 0 ->> 0, moved_links -> 0 ->> 1 FROM merges")
        assert moved[0].replace("-", "") in {
            digest_of(IdentityKey("phone", PHONE)),
            digest_of(IdentityKey("email", "é")),
        }
        assert moved[1] == event
    finally:
        await bench.database.dispose()
