"""Erasing people: nothing of them stays in capture, and nothing brings them back but they themselves."""

import asyncio
from datetime import timedelta

import asyncpg
import orjson
import pytest

from services.capture.adapters.postgres.personal import FREE, PERSONAL
from shared.contracts.events.capture import LeadErased
from shared.contracts.events.platform import CommandCompleted
from shared.contracts.topics import ERASED, INBOUND_BULK
from shared.messaging.settling import Settled
from shared.persistence.database import is_transient
from tests.support.capture import NOW, RECEIVED_MS, Bench, event_of, record
from tests.support.capture_commands import erase, merge
from tests.support.erasing import CANARY, canary, remains, tables_of, unaccounted
from tests.support.replaying import replay_command, replay_of
from tests.support.stack import Servers

pytestmark = pytest.mark.stack

LATER_MS = int(NOW.timestamp() * 1000) + 3_600_000


def completed(settled: Settled) -> CommandCompleted:
    return CommandCompleted.model_validate_json(settled.outcome.events[-1].data)  # type: ignore[union-attr]


def erased(settled: Settled) -> LeadErased:
    event = settled.outcome.events[0]  # type: ignore[union-attr]
    assert event.topic == ERASED
    return LeadErased.model_validate_json(event.data)


async def captured(bench: Bench, offset: int = 0, **more: object) -> str:
    (settled,) = await bench.settle(record(offset, canary(**more)))
    lead_id: str = event_of(settled)["lead"]["lead_id"]
    return lead_id


def refused(settled: Settled) -> tuple[str, str | None]:
    outcome = settled.outcome
    return outcome.outcome, outcome.reason  # type: ignore[union-attr]


async def test_every_table_takes_part_or_holds_nothing_of_a_person(bench: Bench, own: Servers) -> None:
    tables = await tables_of(own.postgres, "capture")
    assert unaccounted(tables, PERSONAL, FREE) == []
    assert unaccounted([*tables, "letters"], PERSONAL, FREE) == ["letters"]


async def test_nothing_of_the_person_stays_and_the_counts_do(bench: Bench, own: Servers) -> None:
    lead_id = await captured(bench, touch={"gclid": "feather-secret-77"})
    await bench.settle(record(1, canary(message="feather-secret-77 again", external_id="Canarywing-1")))
    receipts = await bench.receipts()
    assert await remains(own.postgres, "capture") != []
    (settled,) = await bench.settle(erase(10, lead_id))
    assert completed(settled).status == "done"
    assert [(lead.lead_id, lead.lead_version, lead.aliases) for lead in erased(settled).leads] == [(lead_id, 3, [])]
    assert not any(word in event.data.decode() for word in CANARY for event in settled.outcome.events)  # type: ignore[union-attr]
    assert await remains(own.postgres, "capture") == []
    assert await bench.fetch("SELECT 1 FROM identities") == []
    assert [row for row in await bench.receipts() if row["lead_id"]] == receipts
    ((version, touches),) = await bench.fetch(
        "SELECT lead_version, (facts::json ->> 1)::int + json_array_length(facts::json -> 2) FROM leads"
    )
    assert (version, touches) == (3, 2)


async def test_merged_leads_go_with_the_one_that_they_became(bench: Bench, own: Servers) -> None:
    loser = await captured(bench)
    (other,) = await bench.settle(record(1, {"email": "Kestrelina@work.example", "first_name": "Kestrelina"}))
    winner = event_of(other)["lead"]["lead_id"]
    await bench.settle(merge(10, winner, loser, reason="Kestrelina is Canarywing"))
    (settled,) = await bench.settle(erase(11, loser))
    (lead,) = erased(settled).leads
    assert (lead.lead_id, lead.lead_version, lead.aliases) == (winner, 3, [loser])
    assert await remains(own.postgres, "capture") == []
    tombs = await bench.fetch("SELECT lead_id::text, lead_version FROM tombstones")
    assert {row[0]: row[1] for row in tombs} == {winner: 3, loser: 3}


async def test_asked_twice_it_says_the_same_again(bench: Bench) -> None:
    lead_id = await captured(bench)
    (first,) = await bench.settle(erase(10, lead_id))
    redelivered, second = await bench.settle(erase(10, lead_id), erase(11, lead_id, reason="unlawful"))
    assert redelivered.outcome.events == first.outcome.events  # type: ignore[union-attr]
    assert erased(second).leads == erased(first).leads
    assert len(await bench.fetch("SELECT 1 FROM kept_out")) == 2


async def test_older_records_and_lists_stay_out_and_the_person_may_come_back(bench: Bench, own: Servers) -> None:
    await bench.settle(erase(10, await captured(bench)))
    late, listed, row, replayed, stranger = await bench.settle(
        record(20, canary(message="late")),
        record(21, canary(), topic=INBOUND_BULK, timestamp=LATER_MS),
        record(22, {"phone": CANARY[1]}, timestamp=LATER_MS, headers=(("ls_row", b"7"),)),
        record(23, {"email": CANARY[0]}, timestamp=LATER_MS, headers=(("ce_time", b"2020-01-01T00:00:00Z"),)),
        record(24, {"email": "somebody.else@nest.example"}),
    )
    assert {refused(each) for each in (late, listed, row, replayed)} == {("rejected", "erased_before")}
    assert refused(stranger) == ("new", None)
    assert await remains(own.postgres, "capture") == []
    assert len(await bench.fetch("SELECT 1 FROM identities")) == 1
    (anew,) = await bench.settle(record(30, canary(), timestamp=LATER_MS))
    assert refused(anew) == ("new", None)
    assert refused((await bench.settle(record(31, canary(), topic=INBOUND_BULK, timestamp=LATER_MS)))[0]) == (
        "rejected",
        "erased_before",
    )


async def test_a_redelivered_record_shows_a_lead_without_a_person(bench: Bench) -> None:
    lead_id = await captured(bench)
    await bench.settle(erase(10, lead_id))
    (again,) = await bench.settle(record(0, canary()))
    data = event_of(again)
    assert (data["lead"]["lead_id"], data["lead_version"], data["lead"]["emails"]) == (lead_id, 2, [])
    assert not any(word in str(data) for word in CANARY)


async def test_who_is_not_known_yet_can_be_kept_out(bench: Bench) -> None:
    from services.capture.domain.erasing import keep_out_digest
    from services.capture.domain.identity import IdentityKey
    from tests.support.capture import SECRET

    digest = keep_out_digest(IdentityKey("email", CANARY[0]), secret=SECRET)
    (settled,) = await bench.settle(erase(10, keep_out=[digest]))
    assert completed(settled).result == {"leads": [], "kept_out": 1}
    assert len(settled.outcome.events) == 1  # type: ignore[union-attr]
    assert refused((await bench.settle(record(20, canary())))[0]) == ("rejected", "erased_before")


async def test_a_switchboard_stays_where_it_is(bench: Bench) -> None:
    lead_id = await captured(bench)
    (other,) = await bench.settle(record(1, {"phone": CANARY[1], "email": "bo@nest.example", "first_name": "Bo"}))
    assert event_of(other)["outcome"] == "new"
    await bench.settle(erase(10, lead_id))
    links = await bench.fetch(
        "SELECT lead_id::text FROM identities UNION ALL SELECT lead_id::text FROM identity_shares"
    )
    assert [row[0] for row in links] == [event_of(other)["lead"]["lead_id"]] * 2
    (colleague,) = await bench.settle(record(20, {"phone": CANARY[1], "email": "cy@nest.example", "first_name": "Cy"}))
    assert refused(colleague) == ("new", None)


async def test_refusals_name_their_reason(bench: Bench) -> None:
    lead_id = await captured(bench)
    settled = await bench.settle(
        erase(10, lead_id, reason="Kestrelina asked"),
        erase(11, "no id"),
        erase(12, lead_id, "00000000-0000-4000-8000-000000000000"),
        erase(13),
        erase(14, keep_out=["' OR 1=1"]),
        erase(15, lead_id, requested_by="\u0000"),
        erase(16, lead_id),
    )
    assert [completed(each).reason for each in settled] == [
        "unknown_reason", "unknown_lead", "unknown_lead", "unknown_lead", "invalid_digest", "invalid_requester", None,
    ]  # fmt: skip
    (joined,) = await bench.settle(
        merge(20, lead_id, event_of((await bench.settle(record(1, {"email": "x@y.example"})))[0])["lead"]["lead_id"])
    )
    assert completed(joined).reason == "erased"


async def test_who_asked_is_noted_and_never_changed(bench: Bench) -> None:
    lead_id = await captured(bench)
    (exported,) = await bench.settle(erase(9, lead_id, kind="lead.export"))
    assert completed(exported).result == {"leads": [{"lead_id": lead_id, "aliases": []}], "waiting": []}
    await bench.settle(erase(10, lead_id))
    noted = await bench.fetch("SELECT kind, reason, requested_by FROM person_requests ORDER BY kind DESC")
    assert [tuple(row) for row in noted] == [
        ("export", "person_request", "tests"),
        ("erase", "person_request", "tests"),
    ]
    for statement in ("DELETE FROM person_requests", "UPDATE person_requests SET reason = ''"):
        with pytest.raises(asyncpg.RaiseError):
            await bench.fetch(statement)


async def test_an_erasure_and_submissions_at_the_same_time_leave_nobody(bench: Bench, own: Servers) -> None:
    lead_id = await captured(bench)
    other = Bench(own.postgres)

    async def until_done(bench: Bench, *records: object) -> list[Settled]:
        while True:
            try:
                return await bench.settle(*records)  # type: ignore[arg-type]
            except Exception as error:
                if not is_transient(error):
                    raise
                await asyncio.sleep(0.01)

    async def submit() -> None:
        for n in range(30):
            await until_done(other, record(100 + n, canary(touch={"gclid": f"g{n}"}), partition=1))

    await asyncio.gather(submit(), until_done(bench, erase(10, lead_id)))
    await other.database.dispose()
    assert await remains(own.postgres, "capture") == []
    assert await bench.fetch("SELECT 1 FROM identities") == []
    assert len(await bench.fetch("SELECT 1 FROM leads")) == 1


async def test_a_submission_of_the_moment_after_is_a_new_one(bench: Bench) -> None:
    await bench.settle(erase(10, await captured(bench)))
    bench.now = NOW + timedelta(seconds=1)
    after = int(NOW.timestamp() * 1000) + 1
    assert after > RECEIVED_MS
    assert refused((await bench.settle(record(20, canary(), timestamp=after)))[0]) == ("new", None)


async def test_replayed_refusals_of_somebody_erased_stay_out(bench: Bench, own: Servers) -> None:
    """As it was, and mended with the very address: it was sent before the erasure."""
    nobody, late = record(1, {"first_name": "Somebody"}), record(20, canary(message="late"))
    lead_id = await captured(bench)
    await bench.settle(nobody, erase(10, lead_id), late)
    replays = [replay_of(late), replay_of(nobody, value=orjson.dumps({"email": CANARY[0]}))]
    settled = await bench.settle(*(replay_command(n, wanted) for n, wanted in enumerate(replays)))
    results = [completed(each).result for each in settled]
    assert [(said["outcome"], said["outcome_reason"]) for said in results] == [("rejected", "erased_before")] * 2
    assert await remains(own.postgres, "capture") == []
