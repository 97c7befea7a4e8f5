"""Scores of companies on real Postgres: each lead once, each event once, through merges and erasures."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.scoring.adapters.models import active_models
from services.scoring.adapters.postgres import read_members
from services.scoring.domain.accounts import Member, account_score
from services.scoring.domain.standing import weigh_stored
from shared.contracts.topics import ERASED
from tests.support.erasing import erased
from tests.support.scoring import Log, ScoringLane, lead_id, scoring_lane
from tests.support.stack import Servers

pytestmark = pytest.mark.stack

MODEL = """\
kind: scoring
rules:
  - {id: chief, points: 40, when: {field: title, contains: chief}}
  - {id: any, points: 10}
behaviour: [{id: page, event: page.viewed, points: 10, once_per: asset}]
account: {fit: max, engagement: sum, max: 100}
"""
NORTHWIND = {"name": "Northwind", "domain": "northwind.example", "name_key": "northwind"}


@pytest.fixture
async def lane(own: Servers) -> AsyncIterator[ScoringLane]:
    async with scoring_lane(own.postgres) as made:
        await made.settle(Log(10_000).publish(MODEL))
        yield made


async def score_of(lane: ScoringLane, key: str = "domain:northwind.example") -> dict[str, Any]:
    async with lane.database.transaction(lane.now) as work:
        model = await active_models().read(work)
        leads = await read_members(work, key, 10)
        members = [Member(each.lead_id, weigh_stored(each, model, now=work.instant).score) for each in leads]
    assert model.account is not None
    return account_score(members, model.account) if members else {}


async def test_a_company_has_the_best_fit_and_all_that_its_leads_do(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(
        log.captured(1, company=NORTHWIND, title="chief"),
        log.captured(2, company=NORTHWIND),
        log.captured(3, company={"name": "Other", "domain": "other.example"}),
        log.captured(4, company={"name": "Nameless", "name_key": "nameless"}),
    )
    await lane.settle(*(log.behaved(n, properties={"url": "/a"}) for n in (1, 2, 3, 4)))
    score = await score_of(lane)
    assert (score["fit"], score["engagement"], score["value"], score["clamp"]) == (50, 20, 70, 0)
    assert {each["lead_id"] for each in score["leads"]} == {lead_id(1), lead_id(2)}
    assert (await score_of(lane, "name:nameless"))["value"] == 20


async def test_a_merge_counts_nobody_twice_and_unmerging_gives_back_the_same(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(*(log.captured(n, company=NORTHWIND) for n in (1, 2)))
    await lane.settle(
        log.behaved(1, properties={"url": "/a"}),
        log.behaved(2, properties={"url": "/a"}),
        log.behaved(2, properties={"url": "/b"}),
    )
    apart = await score_of(lane)
    assert (apart["engagement"], len(apart["leads"])) == (30, 2)
    await lane.settle(log.merged(1, 2, 2, company=NORTHWIND))
    together = await score_of(lane)
    assert (together["engagement"], len(together["leads"])) == (20, 1)  # /a was one page of one person after all
    await lane.settle(*(log.unmerged(1, 2, 3, about=n, company=NORTHWIND) for n in (1, 2)))
    assert (await score_of(lane))["engagement"] == 30


async def test_a_lead_that_changes_its_company_goes_with_what_it_did(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, company=NORTHWIND))
    await lane.settle(log.behaved(1))
    await lane.settle(log.captured(1, 2, company={"name": "Other", "domain": "other.example"}))
    assert await score_of(lane) == {}
    assert (await score_of(lane, "domain:other.example"))["engagement"] == 10


async def test_an_erased_lead_is_part_of_no_company(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, company=NORTHWIND))
    await lane.settle(log.record(ERASED, "lead.erased", erased(2, lead_id(1))))
    assert await score_of(lane) == {}
    assert (await lane.row(1))["account_key"] is None
