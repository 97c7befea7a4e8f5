"""Commands and merges on real Postgres: conversion by hand, changes, gates, two leads that are one."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.conversion.adapters.postgres.leads import PostgresLeads
from services.conversion.adapters.postgres.sales import PostgresSales
from services.conversion.domain.converting import conversion_id_of, opportunity_id_of
from services.conversion.handlers.merge_leads import MergeLeads
from shared.contracts import ids
from shared.contracts.commands.sales import ConvertLead
from shared.contracts.events.conversion import OpportunityChanged, OpportunityConverted
from shared.contracts.events.scoring import RulesPublished
from shared.contracts.thin import MergedLead
from shared.contracts.topics import CHANGED, COMMANDS_COMPLETED, CONVERTED, RULES_PUBLISHED
from shared.handling.outcomes import InHand, Produced, Skipped
from shared.handling.records import Record
from shared.persistence.database import is_transient
from tests.support.conversion import NOW, ConversionLane, Log, events, lanes, lead, lead_id, run_statement
from tests.support.waiting import eventually

pytestmark = pytest.mark.stack
HOMES = """kind: pipeline
name: homes
stages:
  - {name: Viewing, probability: 30}
  - {name: Reservation, probability: 75}
  - {name: Signed, outcome: won}
  - {name: Withdrawn, outcome: lost}
"""
EASY_GATE = "kind: gate\nname: easy\nmin_score: 5\n"


async def test_a_command_converts_whatever_the_score(lane: ConversionLane) -> None:
    log = Log()
    await lane.settle(log.routed(1, value=3, company={"name": "Low", "name_key": "low"}, budget=None))
    (done,) = await lane.settle(log.convert(1, amount="99.90", currency="EUR"))
    (data,) = events([done], CONVERTED)
    OpportunityConverted.model_validate(data)
    assert (data["amount"], data["currency"], data["reason"]["trigger"]) == ("99.90", "EUR", "command")
    assert data["reason"]["met"] == ["a name", "an e-mail address or a phone number"]
    assert "lead.budget.amount -> opportunity.amount" not in data["fields_mapped"]
    (completed,) = events([done], COMMANDS_COMPLETED)
    assert completed["status"] == "done" and completed["result"]["already_converted"] is False
    assert completed["result"]["opportunity_id"] == data["opportunity_id"]


@pytest.mark.parametrize("first", ["gate", "command"])
async def test_a_second_request_gets_the_first_answer(lane: ConversionLane, first: str) -> None:
    log = Log()
    await lane.settle(log.routed(1, value=80 if first == "gate" else 5))
    if first == "command":
        await lane.settle(log.convert(1))
    (again,) = await lane.settle(log.convert(1))
    (completed,) = events([again], COMMANDS_COMPLETED)
    assert completed["status"] == "done" and events([again], CONVERTED) == []
    assert completed["result"]["already_converted"] is True
    assert completed["result"]["opportunity_id"] == opportunity_id_of(lead_id(1))
    assert completed["result"]["conversion_id"] == conversion_id_of(lead_id(1))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"n": 9}, "unknown_lead"),
        ({"n": 1}, "identity_missing"),
        ({"n": 2, "amount": "-1"}, "invalid_amount"),
        ({"n": 2, "amount": "NaN"}, "invalid_amount"),
        ({"n": 2, "amount": "1", "currency": "usd"}, "invalid_currency"),
    ],
)
async def test_refused(lane: ConversionLane, given: dict[str, object], reason: str) -> None:
    log = Log()
    nameless: dict[str, Any] = {"first_name": None, "last_name": None, "name": None}
    await lane.settle(log.routed(1, value=5, **nameless), log.routed(2, value=5))
    (refused,) = await lane.settle(log.convert(**given))  # type: ignore[arg-type]
    assert (refused.outcome, refused.reason) == ("refused", reason)
    assert (await lane.counts())["opportunities"] == 0


async def test_a_lead_id_that_is_none_is_unknown(lane: ConversionLane) -> None:
    (refused,) = await lane.settle(Log().command(ConvertLead(lead_id="'; DROP", requested_by="ann")))
    assert refused.reason == "unknown_lead"


async def test_a_hundred_pairs_of_event_and_click(dsn: str) -> None:
    """F33: one replica has the routed event that opens the gate, another the click, at the same time."""
    count = 100
    async with lanes(dsn, 2) as (events_lane, clicks_lane):
        setup = Log("setup")
        await events_lane.settle(*(setup.routed(n, 1, value=5) for n in range(count)))
        routed = Log("routed", 1000)
        clicks = Log("clicks", topic_id="00000000-0000-0000-0000-0000000000dd")

        async def click() -> list[object]:
            return [o for n in reversed(range(count)) for o in await clicks_lane.settle(clicks.convert(n))]

        async def route() -> list[object]:
            return [o for n in range(count) for o in await events_lane.settle(routed.routed(n, 2, value=90))]

        clicked, gated = await asyncio.gather(click(), route())
        counts = await events_lane.counts()
    assert counts["opportunities"] == count
    said = events([*clicked, *gated], CONVERTED)
    assert len({data["opportunity_id"] for data in said}) == len(said) == count
    answers = events(clicked, COMMANDS_COMPLETED)
    assert {answer["status"] for answer in answers} == {"done"}
    by_gate = sum(isinstance(o, Produced) for o in gated)
    assert by_gate == sum(answer["result"]["already_converted"] for answer in answers)
    assert sum(isinstance(o, Skipped) and o.reason == "already_converted" for o in gated) == count - by_gate


async def until_stored(lane: ConversionLane, *records: Record) -> list[Any]:
    """As the delivery path does it: a deadlock, or a row that another writer was quicker with, is tried again."""
    for _ in range(10):
        try:
            return await lane.settle(*records)
        except Exception as error:
            if not is_transient(error):
                raise
    raise AssertionError("ten times in a row")


async def test_batches_that_meet_in_opposite_order_end(dsn: str) -> None:
    """F33 in bulk: clicks lock one by one, events in order; a deadlock is transient, and the retry ends it."""
    count = 40
    async with lanes(dsn, 2) as (events_lane, clicks_lane):
        setup = Log("setup")
        company = lead(1)["company"]
        await events_lane.settle(*(setup.routed(n, 1, value=5, company=company) for n in range(count)))
        routed, clicks = Log("routed", 1000), Log("clicks", topic_id="00000000-0000-0000-0000-0000000000dd")
        by_event = [routed.routed(n, 2, value=90, company=company) for n in range(count)]
        by_click = [clicks.convert(n) for n in sorted(range(count), key=lead_id, reverse=True)]

        await asyncio.gather(until_stored(events_lane, *by_event), until_stored(clicks_lane, *by_click))
        counts = await events_lane.counts()
    assert (counts["opportunities"], counts["accounts"]) == (count, 1)


async def test_a_first_event_waits_for_a_merge_that_is_open(dsn: str) -> None:
    """The loser was never heard of: the merge leaves a row to lock, and the alias is seen behind that lock."""
    async with lanes(dsn, 3) as (one, other, watch):
        log, late = Log("merge"), Log("late", topic_id="00000000-0000-0000-0000-0000000000ee")
        record = log.merged(1, 2)
        merge = InHand(record, MergedLead.model_validate_json(record.value or b""))

        async def is_blocked() -> bool:
            waiting = "SELECT 1 FROM pg_locks JOIN pg_stat_activity a USING (pid) WHERE NOT granted AND a.datname = $1"
            return bool(await watch.rows(waiting, urlsplit(dsn).path.lstrip("/")))

        async with one.database.transaction(NOW) as work:
            await MergeLeads(PostgresLeads(), PostgresSales())([merge], work)
            first_event = asyncio.create_task(until_stored(other, late.routed(2)))
            await eventually(is_blocked, "the first event waits", within=4)
        assert await first_event == [Skipped("merged_away", subject=lead_id(1))]
        assert (await other.counts())["opportunities"] == 0


async def test_changes_count_versions_and_are_announced(lane: ConversionLane) -> None:
    log = Log()
    await lane.settle(log.routed(1))
    key = opportunity_id_of(lead_id(1))
    outcomes = await lane.settle(
        log.change(key, stage="negotiation/review"), log.change(key, amount="75000", owner="ben"), log.change(key)
    )
    said = [OpportunityChanged.model_validate(data) for data in events(outcomes, CHANGED)]
    assert [(s.opportunity_version, s.change, s.stage, s.probability) for s in said] == [
        (2, "stage", "Negotiation/Review", 80),
        (3, "amount,owner", "Negotiation/Review", 80),
    ]
    assert (said[1].amount, said[1].currency, said[1].owner) == ("75000", "USD", "ben")
    assert events(outcomes, COMMANDS_COMPLETED)[2]["result"]["changed"] is False


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"stage": "Dreaming"}, "unknown_stage"),
        ({"stage": "Closed Lost"}, "stage_not_allowed"),
        ({"amount": "12 dollars"}, "invalid_amount"),
        ({"currency": "dollar"}, "invalid_currency"),
        ({"owner": "nul \u0000"}, "invalid_owner"),
        ({"owner": " "}, "invalid_owner"),
        ({"owner": "x" * 201}, "invalid_owner"),
    ],
)
async def test_changes_are_checked(lane: ConversionLane, given: dict[str, str], reason: str) -> None:
    log = Log()
    await lane.settle(log.routed(1))
    key = opportunity_id_of(lead_id(1))
    await lane.settle(log.change(key, stage="Closed Won"))
    (refused,) = await lane.settle(log.change(key, **given))
    assert (refused.outcome, refused.reason) == ("refused", reason)
    (row,) = await lane.rows("SELECT opportunity_version FROM opportunities")
    assert row["opportunity_version"] == 2


async def test_an_opportunity_that_is_none_cannot_be_changed(lane: ConversionLane) -> None:
    log = Log()
    for key in (ids.derive(ids.LEADS, "nobody"), "x"):
        (refused,) = await lane.settle(log.change(key, owner="ben"))
        assert refused.reason == "unknown_opportunity"


async def test_redelivered_commands_change_nothing_and_say_the_same(dsn: str) -> None:
    log = Log()
    key = opportunity_id_of(lead_id(1))
    setup = [log.routed(1, value=5), log.routed(2)]
    commands = [log.convert(1), log.convert(2), log.change(key, owner="ben"), log.publish(EASY_GATE), log.convert(7)]
    async with lanes(dsn) as (lane,):
        await lane.settle(*setup)
        first = await lane.settle(*commands)
        before = (
            await lane.contents(),
            await lane.rows("SELECT * FROM rule_versions"),
            await lane.rows("SELECT * FROM commands ORDER BY 1"),
        )
    async with lanes(dsn, clock=lambda: NOW + timedelta(hours=1)) as (lane,):
        second = await lane.settle(*commands)
        after = (
            await lane.contents(),
            await lane.rows("SELECT * FROM rule_versions"),
            await lane.rows("SELECT * FROM commands ORDER BY 1"),
        )
    assert after == before

    def ids_of(outcomes: list[Produced]) -> list[list[str]]:
        return [[event.envelope.event_id for event in outcome.events] for outcome in outcomes]

    assert ids_of(second) == ids_of(first)
    assert events(second, COMMANDS_COMPLETED) == events(first, COMMANDS_COMPLETED)
    assert events(second, CONVERTED) == events(first, CONVERTED)
    assert {data["owner"] for data in events(second, CHANGED)} == {"ben"}  # the newest state goes out


async def test_a_published_gate_is_asked_from_the_next_batch_on(lane: ConversionLane) -> None:
    log = Log()
    assert (await lane.settle(log.routed(1, value=10)))[0].outcome == "gate_closed"
    (done,) = await lane.settle(log.publish(EASY_GATE))
    said = RulesPublished.model_validate(events([done], RULES_PUBLISHED)[0])
    assert (said.service, said.kind, said.name, said.version) == ("conversion", "gate", "easy", 2)
    (converted,) = await lane.settle(log.routed(2, value=10))
    assert events([converted], CONVERTED)[0]["reason"]["rules"]["version"] == 2
    broken = EASY_GATE.replace("5", "ninety")
    (refused, other) = await lane.settle(log.publish(broken), log.publish(EASY_GATE, kind="scoring"))
    assert refused.reason == "invalid_rules" and "gate.yaml:3:12" in refused.detail["detail"]
    assert "ninety" not in refused.detail["detail"]
    assert other.reason == "unknown_kind"


async def test_published_stages_are_for_opportunities_that_begin_later(dsn: str, lane: ConversionLane) -> None:
    log = Log()
    (before,) = await lane.settle(log.routed(1))
    (done,) = await lane.settle(log.publish(HOMES, kind="pipeline"))
    said = RulesPublished.model_validate(events([done], RULES_PUBLISHED)[0])
    assert (said.service, said.kind, said.name, said.version) == ("conversion", "pipeline", "homes", 2)
    (after,) = await lane.settle(log.routed(2))
    first, second = events([before, after], CONVERTED)
    assert (first["stage"], first["probability"], first["pipeline"]["version"]) == ("Prospecting", 10, 1)
    assert (second["stage"], second["probability"]) == ("Viewing", 30)
    assert second["pipeline"] == {"kind": "pipeline", "name": "homes", "version": 2, "content_hash": said.content_hash}
    await lane.settle(log.publish(HOMES.replace("75", "80"), kind="pipeline"))

    async with lanes(dsn) as (fresh,):
        for each in (lane, fresh):  # one that saw the versions come, one that reads them anew
            outcomes = await each.settle(
                log.change(first["opportunity_id"], stage="Closed Won"),
                log.change(first["opportunity_id"], stage="Viewing"),
                log.change(second["opportunity_id"], stage="reservation"),
                log.change(second["opportunity_id"], stage="Closed Won"),
            )
            assert [getattr(one, "reason", None) for one in outcomes][1::2] == ["unknown_stage", "unknown_stage"]
            answers = [one["result"] for one in events(outcomes, COMMANDS_COMPLETED) if one["status"] == "done"]
            assert [(one["stage"], one["probability"]) for one in answers] == [("Closed Won", 100), ("Reservation", 75)]


async def test_an_opportunity_from_before_stages_were_rules_keeps_the_ten(dsn: str, lane: ConversionLane) -> None:
    log = Log()
    (made,) = await lane.settle(log.routed(1))
    (said,) = events([made], CONVERTED)
    await run_statement(
        dsn,
        "UPDATE opportunities SET event = convert_to((convert_from(event, 'UTF8')::jsonb - 'pipeline')::text, 'UTF8')",
    )
    await lane.settle(log.publish(HOMES, kind="pipeline"))
    (moved,) = await lane.settle(log.change(said["opportunity_id"], stage="Proposal/Price Quote"))
    (answer,) = events([moved], COMMANDS_COMPLETED)
    assert (answer["status"], answer["result"]["probability"]) == ("done", 65)


async def test_broken_stages_are_refused_and_the_last_good_ones_work_on(lane: ConversionLane) -> None:
    log = Log()
    (refused,) = await lane.settle(log.publish(HOMES.replace("won", "lost"), kind="pipeline"))
    assert refused.reason == "invalid_rules"
    assert "pipeline.yaml:4:3 stages: expected a stage with outcome: won" in refused.detail["detail"]
    (converted,) = await lane.settle(log.routed(1))
    assert events([converted], CONVERTED)[0]["stage"] == "Prospecting"


async def test_after_a_merge_the_losers_conversion_counts_for_the_winner(lane: ConversionLane) -> None:
    log = Log()
    await lane.settle(log.routed(1), log.routed(2, value=5))
    (merge,) = await lane.settle(log.merged(2, 1))
    assert merge.outcome == "merged" and merge.events == ()
    outcomes = await lane.settle(log.routed(2, 6), log.routed(1, 4))
    assert outcomes == [
        Skipped("already_converted", subject=lead_id(2)),
        Skipped("merged_away", subject=lead_id(2)),
    ]
    for n in (1, 2):
        (answer,) = events(await lane.settle(log.convert(n)), COMMANDS_COMPLETED)
        assert answer["result"]["conversion_id"] == conversion_id_of(lead_id(1))
    assert (await lane.counts())["opportunities"] == 1


async def test_a_merged_lead_is_converted_as_its_winner(lane: ConversionLane) -> None:
    log = Log()
    await lane.settle(log.routed(1, value=5), log.merged(2, 1))
    (done,) = await lane.settle(log.convert(1))
    (data,) = events([done], CONVERTED)
    assert data["lead_id"] == lead_id(2) and data["score"] is None
    OpportunityConverted.model_validate(data)


async def test_two_conversions_of_one_person_both_stay_and_are_reviewed(lane: ConversionLane) -> None:
    log = Log()
    await lane.settle(log.routed(1), log.routed(2))
    merge = log.merged(1, 2)
    await lane.settle(merge)
    await lane.settle(merge)
    (review,) = await lane.rows("SELECT kind, lead_id::text, other_lead_id::text FROM reviews")
    assert review == {"kind": "both_converted", "lead_id": lead_id(1), "other_lead_id": lead_id(2)}
    assert (await lane.counts())["opportunities"] == 2


async def test_after_a_merge_was_taken_back_each_has_its_own_conversion_or_none(lane: ConversionLane) -> None:
    log = Log()
    await lane.settle(log.routed(1), log.routed(2, value=5), log.merged(2, 1))
    split = [log.unmerged(2, 1, 2), log.unmerged(2, 1, 1)]
    outcomes = await lane.settle(*split, *split)
    assert [(o.outcome, o.events) for o in outcomes[:2]] == [("unmerged", ())] * 2
    (first,) = events(await lane.settle(log.convert(1)), COMMANDS_COMPLETED)
    assert first["result"]["conversion_id"] == conversion_id_of(lead_id(1))
    (closed,) = await lane.settle(log.routed(2, 7, value=5))
    assert closed.outcome == "gate_closed"
    (converted,) = events(await lane.settle(log.routed(2, 8)), CONVERTED)
    assert converted["lead_id"] == lead_id(2)
    assert (await lane.counts())["opportunities"] == 2


async def test_a_review_ends_where_the_two_are_two_after_all(lane: ConversionLane) -> None:
    log = Log()
    await lane.settle(log.routed(1), log.routed(2), log.merged(1, 2))
    await lane.settle(log.unmerged(1, 2, 1), log.unmerged(1, 2, 2))
    assert len(await lane.rows("SELECT 1 FROM reviews WHERE closed_at IS NOT NULL")) == 1
    for n in (1, 2):
        (answer,) = events(await lane.settle(log.convert(n)), COMMANDS_COMPLETED)
        assert answer["result"]["conversion_id"] == conversion_id_of(lead_id(n))


async def test_a_shared_phone_does_not_make_two_people_one(lane: ConversionLane) -> None:
    log = Log()
    switchboard = lead(1)["phones"]
    outcomes = await lane.settle(
        log.routed(1),
        log.routed(2, phone=switchboard[0], phones=switchboard),
        log.routed(3, phone=switchboard[0], phones=switchboard, email=None, emails=[], last_name="Other"),
        log.routed(4, phone=switchboard[0], phones=switchboard, email=None, emails=[], last_name="Lee1"),
    )
    contacts = [data["contact_id"] for data in events(outcomes, CONVERTED)]
    assert len(set(contacts)) == 3 and contacts[3] == contacts[0]
