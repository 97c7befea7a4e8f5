"""Whoever is referred by the address of a lead is referred by that lead; who that is, is never guessed."""

from typing import Any

import pytest

from services.capture.adapters.postgres.referrers import PostgresReferrerBook
from services.capture.domain.identity import IdentityKey
from tests.support.capture import Bench, event_of, record

pytestmark = pytest.mark.stack


def person(offset: int, **fields: Any) -> Any:
    return record(offset, {"first_name": "Ann", "last_name": f"Lee{offset}", **fields}, ce_id=str(offset))


def referrer(settled: Any) -> Any:
    return event_of(settled)["lead"].get("referrer_ref")


async def test_an_address_of_a_lead_names_that_lead_for_new_and_for_known_people(bench: Bench) -> None:
    lee, _ = await bench.settle(person(0, email="lee@example.com"), person(1, email="bob@example.com"))
    lee_id = event_of(lee)["lead"]["lead_id"]
    new, known = await bench.settle(
        person(2, email="kim@example.com", referrer_ref="Lee@Example.com"),
        person(3, email="bob@example.com", last_name="Lee1", referrer_ref="email:lee@example.com"),
    )
    assert (event_of(new)["outcome"], event_of(known)["outcome"]) == ("new", "merged")
    assert referrer(new) == referrer(known) == f"lead:{lee_id}"


async def test_a_lead_that_was_merged_away_is_the_one_that_it_is_now(bench: Bench) -> None:
    lee, other = await bench.settle(person(0, email="lee@example.com"), person(1, phone="+14155552671"))
    joined, referred = [
        (await bench.settle(each))[0]
        for each in (
            person(2, email="lee@example.com", phone="+14155552671", last_name="Lee0"),
            person(3, email="kim@example.com", referrer_ref="lee@example.com"),
        )
    ]
    del lee, other
    assert referrer(referred) == f"lead:{event_of(joined)['lead']['lead_id']}"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("nobody@example.com", "email:nobody@example.com"),
        ("kim@example.com", "email:kim@example.com"),  # the person's own
        ("info@example.com", "email:info@example.com"),  # an office's, which somebody gave
        ("account:A-77", "account:A-77"),
    ],
)
async def test_nobody_is_guessed(bench: Bench, told: str, kept: str) -> None:
    await bench.settle(person(0, email="info@example.com"), person(1, email="kim@example.com"))
    (referred,) = await bench.settle(person(2, email="kim@example.com", last_name="Lee1", referrer_ref=told))
    assert referrer(referred) == kept


async def test_an_address_that_is_only_a_hint_of_tagged_ones_names_nobody(bench: Bench) -> None:
    await bench.settle(person(0, email="ann+fair@example.com"))
    told = [person(n, email=f"p{n}@example.com", referrer_ref="ann@example.com") for n in (1, 3)]
    (hinted,) = await bench.settle(told[0])
    assert referrer(hinted) == "email:ann@example.com"
    (ann,) = await bench.settle(person(2, email="ann@example.com", first_name="Eve", last_name="Stone"))
    (named,) = await bench.settle(told[1])
    assert referrer(named) == f"lead:{event_of(ann)['lead']['lead_id']}"


async def test_a_batch_asks_once_and_one_without_an_address_not_at_all(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[set[IdentityKey]] = []
    find = PostgresReferrerBook.find

    async def counting(self: PostgresReferrerBook, work: Any, keys: Any) -> Any:
        asked.append(set(keys))
        return await find(self, work, keys)

    monkeypatch.setattr(PostgresReferrerBook, "find", counting)
    await bench.settle(person(0, email="lee@example.com"), person(1, email="ann@example.com", referrer_ref="lead:7"))
    assert asked == []
    await bench.settle(*[person(n, email=f"p{n}@example.com", referrer_ref="lee@example.com") for n in range(2, 6)])
    assert asked == [{IdentityKey("email", "lee@example.com")}]
