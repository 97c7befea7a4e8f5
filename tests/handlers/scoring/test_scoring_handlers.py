"""Scoring's use cases on real Postgres, batch by batch, without Kafka."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from shared.contracts.events.scoring import LeadScored, RulesPublished
from shared.contracts.topics import RULES_PUBLISHED, SCORED
from shared.handling.outcomes import Produced, Rejected, Skipped
from shared.persistence.database import is_transient
from shared.persistence.decisions import ClaimLost
from shared.persistence.rule_versions import NoActiveRules, UnusableRules
from tests.support.scoring import Log, ScoringLane, create_schema, lead, lead_id, scoring_lane
from tests.support.stack import Servers
from tests.support.undecodable import HERE, UNDECODABLE, holding

pytestmark = pytest.mark.stack

TEN = "kind: scoring\nname: ten\nrules: [{id: ten, points: 10, reason: Ten}]\n"
SIXTY = "kind: scoring\nname: sixty\nrules: [{id: sixty, points: 60}]\n"


@pytest.fixture
async def lane(own: Servers) -> AsyncIterator[ScoringLane]:
    async with scoring_lane(own.postgres) as made:
        yield made


def data(outcome: Any) -> dict[str, Any]:
    """The data of the one event, checked against the whole contract."""
    assert isinstance(outcome, Produced), outcome
    (event,) = [each for each in outcome.events if each.topic == SCORED]
    LeadScored.model_validate_json(event.data, strict=True)
    return orjson.loads(event.data)  # type: ignore[no-any-return]


async def test_a_captured_lead_is_scored_stored_and_published(lane: ScoringLane) -> None:
    log = Log()
    (outcome,) = await lane.settle(log.captured(1, title="CEO"))
    scored = data(outcome)
    assert scored["lead"] == lead(1, title="CEO")
    assert (scored["lead_version"], scored["score_version"]) == (1, 1)
    assert scored["origin"]["receipt_id"] == "receipt-1"
    assert scored["score"]["value"] == sum(c["points"] for c in scored["score"]["contributions"])
    (event,) = outcome.events
    assert event.key == lead_id(1).encode() and event.envelope.subject == lead_id(1)
    row = await lane.row(1)
    assert orjson.loads(row["score"]) == scored["score"]
    (decision,) = await lane.fetch("SELECT * FROM decisions")
    detail = orjson.loads(decision["detail"])
    assert detail["score"] == scored["score"]["value"] and detail["grade"] == scored["score"]["grade"]
    assert sum(detail["points"].values()) + detail["clamp"] == detail["score"]
    assert (detail["rules"], str(decision["subject"])) == (1, lead_id(1))


async def test_versions_of_one_lead_in_a_batch_each_get_an_event_and_one_row(lane: ScoringLane) -> None:
    log = Log()
    records = [log.captured(1, 1), log.captured(2, 1), log.captured(1, 2, title="CEO"), log.captured(1, 2)]
    first, other, second, old = await lane.settle(*records)
    assert [data(o)["score_version"] for o in (first, other, second)] == [1, 1, 2]
    assert [data(o)["lead_version"] for o in (first, other, second)] == [1, 1, 2]
    assert data(second)["score"]["value"] > data(first)["score"]["value"]
    assert old == Skipped("superseded", lead_id(1))
    row = await lane.row(1)
    assert (row["lead_version"], row["score_version"]) == (2, 2)


async def test_an_older_version_changes_nothing(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, 5, title="CEO"))
    before = await lane.row(1)
    assert await lane.settle(log.captured(1, 4), log.captured(1, 5)) == [Skipped("superseded", lead_id(1))] * 2
    assert await lane.row(1) == before


async def test_a_redelivery_publishes_the_same_event_id_from_the_newest_state(lane: ScoringLane) -> None:
    log = Log()
    early, late = log.captured(1, 1), log.captured(1, 2, title="CEO")
    (first,) = await lane.settle(early)
    (second,) = await lane.settle(late)
    before = await lane.row(1)
    again, later = await lane.settle(early, late)
    assert again.events[0].envelope == first.events[0].envelope
    assert later.events == second.events
    assert data(again) == data(second)
    assert await lane.row(1) == before
    assert len(await lane.fetch("SELECT 1 FROM decisions")) == 2


async def test_a_new_model_scores_later_records_and_redeliveries_keep_the_stored_score(lane: ScoringLane) -> None:
    log = Log()
    early = log.captured(1, 1)
    (first,) = await lane.settle(early)
    (published,) = await lane.settle(log.publish(TEN))
    assert published.outcome == "done"
    again, new, newer = await lane.settle(early, log.captured(2, 1), log.captured(1, 2))
    assert again.events == first.events  # stored before the third record, which comes after it
    assert data(new)["score"]["contributions"] == [
        {"rule": "ten", "axis": "fit", "points": 10, "reason": "Ten", "matched": []}
    ]
    assert data(new)["score"]["rules"]["version"] == 2 and data(newer)["score"]["value"] == 10
    assert data(first)["score"]["rules"] != data(new)["score"]["rules"]
    details = await lane.fetch("SELECT detail FROM decisions WHERE outcome = 'scored' ORDER BY \"offset\"")
    assert [orjson.loads(row["detail"])["rules"] for row in details] == [1, 2, 2]


async def test_a_redelivery_alone_keeps_the_score_of_its_time(lane: ScoringLane) -> None:
    log = Log()
    record = log.captured(1, 1)
    (first,) = await lane.settle(record)
    await lane.settle(log.publish(TEN))
    (again,) = await lane.settle(record)
    assert again.events == first.events


async def test_publishing_is_announced_and_a_redelivered_command_publishes_nothing_anew(lane: ScoringLane) -> None:
    log = Log()
    command = log.publish(TEN, command=1)
    (first,) = await lane.settle(command)
    announced, completed = first.events
    assert announced.topic == RULES_PUBLISHED and announced.key == b"scoring/scoring"
    published = RulesPublished.model_validate_json(announced.data)
    assert (published.version, published.name, published.author, published.document) == (2, "ten", "Ann", TEN)
    assert orjson.loads(completed.data)["result"]["version"] == 2
    await lane.settle(log.publish(SIXTY, command=2))
    (again,) = await lane.settle(command)
    assert again.events == first.events
    (active,) = await lane.fetch("SELECT version FROM active_rules WHERE kind = 'scoring'")
    assert active["version"] == 3


@pytest.mark.parametrize(
    ("document", "kind", "reason"),
    [("kind: scoring\nrules: [{id: a}]\n", "scoring", "invalid_rules"), (TEN, "routing", "unknown_kind")],
)
async def test_a_broken_model_is_refused_and_the_last_good_one_works(
    lane: ScoringLane, document: str, kind: str, reason: str
) -> None:
    log = Log()
    refused, scored = await lane.settle(log.publish(document, kind=kind), log.captured(1))
    assert (refused.outcome, refused.reason) == ("refused", reason)
    if reason == "invalid_rules":
        assert "scoring.yaml:2:9" in orjson.loads(refused.events[0].data)["result"]["detail"]
    assert data(scored)["score"]["rules"]["version"] == 1
    assert len(await lane.fetch("SELECT 1 FROM rule_versions WHERE kind = 'scoring'")) == 1


async def test_a_merge_scores_the_winner_and_marks_the_loser(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, 1), log.captured(2, 3))
    merge = log.merged(1, 2, 4, title="CEO")
    (outcome,) = await lane.settle(merge)
    scored = data(outcome)
    assert outcome.events[0].key == lead_id(1).encode()
    assert (scored["lead"]["title"], scored["lead_version"], scored["score_version"]) == ("CEO", 4, 2)
    assert scored["origin"]["receipt_id"] == "receipt-1"
    assert str((await lane.row(2))["merged_into"]) == lead_id(1)
    late, again = await lane.settle(log.captured(2, 3, title="Intern"), merge)
    assert late == Skipped("merged_away", lead_id(1))
    assert again.events == outcome.events
    assert (await lane.row(2))["lead_version"] == 3


async def test_merges_follow_one_another(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(*(log.captured(n, 1) for n in (1, 2, 3)))
    first, second, third = await lane.settle(log.merged(2, 1, 2), log.merged(3, 2, 3), log.merged(3, 2, 3))
    assert first == Skipped("merged_away", lead_id(3))
    assert data(second)["lead_version"] == 3
    assert third == Skipped("superseded", lead_id(3))
    assert await lane.settle(log.captured(1, 2)) == [Skipped("merged_away", lead_id(3))]


@pytest.mark.parametrize("first_seen", [1, 2])
async def test_a_merge_before_any_submission_waits_for_one(lane: ScoringLane, first_seen: int) -> None:
    log = Log()
    assert await lane.settle(log.merged(1, 2, 5, title="CEO")) == [Skipped("awaits_submission", lead_id(1))]
    (outcome,) = await lane.settle(log.captured(first_seen, 1, title="Intern"))
    scored = data(outcome)
    assert (scored["lead"]["lead_id"], scored["lead"]["title"]) == (lead_id(1), "CEO")
    assert (scored["lead_version"], scored["score_version"]) == (5, 1)
    assert scored["origin"]["receipt_id"] == f"receipt-{first_seen}"
    newer = await lane.settle(log.captured(1, 6), log.captured(2, 4))
    assert data(newer[0])["lead_version"] == 6
    assert newer[1] == Skipped("merged_away", lead_id(1))


async def test_a_merge_takes_the_losers_submission_when_the_winner_has_none(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(2, 1))
    (outcome,) = await lane.settle(log.merged(1, 2, 2))
    assert data(outcome)["origin"]["receipt_id"] == "receipt-2"


@pytest.mark.parametrize(
    "value",
    [
        {"lead": {"lead_id": "nobody"}, "lead_version": 1, "origin": {}},
        {"lead": {}, "lead_version": 1, "origin": {}},
        {"lead": lead(1), "lead_version": 0, "origin": {}},
        {"lead": lead(1), "lead_version": 2**31, "origin": {}},
        {"lead": lead(1), "lead_version": 1},
    ],
)
async def test_a_damaged_record_is_rejected_and_the_next_one_goes_on(lane: ScoringLane, value: dict[str, Any]) -> None:
    log = Log()
    bad = log.record("leads.captured.v1", "lead.captured", orjson.dumps(value))
    rejected, scored = await lane.settle(bad, log.captured(2))
    assert isinstance(rejected, Rejected) and rejected.reason == "invalid_contract"
    assert data(scored)["score_version"] == 1


async def test_a_merge_that_was_taken_back_scores_both_by_themselves(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, 1, title="CEO"), log.captured(2, 1, title="Student"), log.merged(1, 2, 2))
    records = [log.unmerged(1, 2, 3, 1, title="CEO"), log.unmerged(1, 2, 3, 2, title="Student")]
    ours, theirs = await lane.settle(*records)
    assert [(data(o)["lead"]["title"], data(o)["lead_version"]) for o in (ours, theirs)] == [("CEO", 3), ("Student", 3)]
    assert data(theirs)["origin"]["receipt_id"] == "receipt-2"
    assert (await lane.row(2))["merged_into"] is None
    again = await lane.settle(*records)
    assert [o.events for o in again] == [ours.events, theirs.events]
    (later,) = await lane.settle(log.captured(2, 4, title="CFO"))
    assert data(later)["lead"]["lead_id"] == lead_id(2)
    assert await lane.settle(log.captured(2, 3)) == [Skipped("superseded", lead_id(2))]


async def test_a_merge_that_comes_after_it_was_taken_back_changes_nothing(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, 1), log.captured(2, 1))
    await lane.settle(log.unmerged(1, 2, 3, 1), log.unmerged(1, 2, 3, 2), log.merged(1, 2, 2, title="CEO"))
    (later,) = await lane.settle(log.captured(2, 4))
    assert data(later)["lead"]["lead_id"] == lead_id(2)


async def test_a_record_newer_than_the_merge_says_that_it_was_taken_back(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, 1), log.captured(2, 1), log.merged(1, 2, 2))
    (early,) = await lane.settle(log.captured(2, 4, title="CFO"))
    assert data(early)["lead"]["lead_id"] == lead_id(2)


async def test_what_becomes_known_without_a_submission_is_scored_and_handed_on_once(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    changed = log.changed(1, 2, state="expired")
    (scored,) = await lane.settle(changed)
    data = orjson.loads(scored.events[0].data)
    assert (data["lead"]["state"], data["lead_version"], data["score_version"]) == ("expired", 2, 2)
    (again,) = await lane.settle(changed)
    assert again.events == scored.events
    assert await lane.settle(log.changed(1, 2)) == [Skipped("superseded", lead_id(1))]
    assert await lane.settle(log.changed(7, 3)) == [Skipped("awaits_submission", lead_id(7))]


async def test_a_lead_merged_into_itself_is_rejected(lane: ScoringLane) -> None:
    (rejected,) = await lane.settle(Log().merged(1, 1, 2))
    assert isinstance(rejected, Rejected) and rejected.reason == "invalid_contract"


async def test_facts_of_any_kind_pass_through_to_the_letter(lane: ScoringLane) -> None:
    odd = {"extra": {"é": [1, 2.5, None, {"深": '\u0000 \\ " 𝄞'}], "big": 2**63}, "touch_count": 0}
    log = Log()
    record = log.captured(1, 1, **odd)
    (outcome,) = await lane.settle(record)
    assert data(outcome)["lead"] == lead(1, **odd)
    (again,) = await lane.settle(record)
    assert again.events == outcome.events


async def test_two_workers_that_meet_a_new_lead_at_once_score_it_once_after_the_other(
    own: Servers, lane: ScoringLane
) -> None:
    log = Log()
    async with scoring_lane(own.postgres) as other:

        async def settled(which: ScoringLane, version: int) -> Any:
            record = log.captured(1, version)
            while True:
                try:
                    (outcome,) = await which.settle(record)
                except ClaimLost:
                    continue
                return outcome

        outcomes = await asyncio.gather(*(settled(w, v) for w, v in ((lane, 1), (other, 2), (lane, 3), (other, 4))))
    row = await lane.row(1)
    assert row["lead_version"] == 4
    assert row["score_version"] == sum(isinstance(outcome, Produced) for outcome in outcomes)


@pytest.mark.parametrize(
    ("damage", "error"),
    [("DELETE FROM active_rules", NoActiveRules), ("UPDATE rule_versions SET document = 'kind: old'", UnusableRules)],
)
async def test_without_usable_rules_records_wait_and_none_is_given_up(
    lane: ScoringLane, damage: str, error: type[Exception]
) -> None:
    record = Log().captured(1)
    await lane.fetch(damage)
    with pytest.raises(error) as waiting:
        await lane.settle(record)
    assert is_transient(waiting.value)
    assert await lane.fetch("SELECT 1 FROM decisions") == []


async def test_the_seed_leaves_published_rules_alone(own: Servers, lane: ScoringLane) -> None:
    await lane.settle(Log().publish(TEN))
    await create_schema(own.postgres)
    (active,) = await lane.fetch(
        "SELECT r.name, r.version FROM active_rules JOIN rule_versions r USING (kind, version) WHERE kind = 'scoring'"
    )
    assert (active["name"], active["version"]) == ("ten", 2)


@pytest.mark.parametrize("part", UNDECODABLE.values(), ids=UNDECODABLE)
async def test_what_nobody_could_decode_is_rejected_in_every_type(lane: ScoringLane, part: bytes) -> None:
    log = Log()
    held: dict[str, Any] = {"extra": {"size": HERE}}
    records = [log.captured(1, **held), log.changed(1, 2, **held), log.merged(1, 2, 3, **held)]
    records += [log.unmerged(1, 2, 4, 1, **held), log.captured(3)]
    bad = [record._replace(value=holding(orjson.loads(record.value or b""), part)) for record in records]
    *rejected, scored = await lane.settle(*bad)
    assert rejected == [Rejected("invalid_contract", exception="JSONDecodeError")] * 4
    assert data(scored)["score_version"] == 1


async def test_an_unmerge_in_its_first_form_waits_for_the_next_record_of_each(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, 1), log.captured(2, 1), log.merged(1, 2, 2))
    said = {"winner_id": lead_id(1), "loser_id": lead_id(2), "lead_version": 3, "reason": "two sisters"}
    bare = log.record("leads.merged.v1", "lead.unmerged", orjson.dumps(said))
    nothing = log.record("leads.merged.v1", "lead.unmerged", orjson.dumps({**said, "loser_id": "nobody"}))
    skipped, rejected, (_, scored) = (
        *await lane.settle(bare, nothing),
        await lane.settle(log.captured(1, 4), log.captured(2, 4)),
    )
    assert skipped == Skipped("says_no_lead", lead_id(2))
    assert isinstance(rejected, Rejected) and rejected.reason == "invalid_contract"
    assert data(scored)["lead"]["lead_id"] == lead_id(2)
