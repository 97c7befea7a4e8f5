"""Commands about behaviour: what waited is let go, what was another's is taken back, machines are told again."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from services.capture.adapters.postgres.strangers import forget_behaviour, forget_strangers, known_by_now
from services.capture.domain.behaviour.stitching import MAX_WAITING
from services.capture.handlers import behaviour_commands
from shared.contracts.events.behaviour import BehaviourCorrected
from shared.contracts.events.platform import CommandCompleted
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.handling.records import Record
from shared.messaging.settling import Settled
from tests.support.behaviour import ANNS_BROWSER, behaved, did, events_of, fate, ids_of
from tests.support.capture import Bench, event_of, record

pytestmark = pytest.mark.stack

ANN = "ann@example.com"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"


async def lead(bench: Bench, offset: int, email: str = ANN) -> str:
    (settled,) = await bench.settle(record(offset, {"email": email}))
    lead_id: str = event_of(settled)["lead"]["lead_id"]
    return lead_id


def command(offset: int, kind: str, **said: Any) -> Record:
    return record(offset, said, source="api", topic=CAPTURE_COMMANDS, record_type=kind)


async def known(bench: Bench) -> list[str]:
    async with bench.database.transaction(bench.now) as work:
        return sorted((await known_by_now(work, ""))[0])


def answer(settled: Settled) -> CommandCompleted:
    return CommandCompleted.model_validate_json(events_of(settled)[-1].data)


def corrections(settled: Settled) -> list[BehaviourCorrected]:
    return [
        BehaviourCorrected.model_validate_json(event.data)
        for event in events_of(settled)
        if event.envelope.type == BehaviourCorrected.TYPE
    ]


async def test_what_came_before_its_lead_becomes_the_leads_with_its_browser(bench: Bench) -> None:
    await bench.observe(
        did(0, visitor_id=ANNS_BROWSER), did(1, "form.submitted", email=ANN, visitor_id=ANNS_BROWSER), did(2, email=ANN)
    )
    assert await known(bench) == []
    ann = await lead(bench, 3)
    parties = await known(bench)
    assert len(parties) == 1
    (settled,) = await bench.settle(command(10, "behaviour.stitch", parties=parties))
    assert [(b.lead_id, b.kind, b.matched_by) for b in behaved(settled)] == [
        (ann, "form.submitted", "email"),
        (ann, "page.viewed", "email"),
    ]
    (visitor,) = await known(bench)
    (again, history) = await bench.settle(
        command(10, "behaviour.stitch", parties=parties), command(11, "behaviour.stitch", parties=[visitor])
    )
    assert ids_of([again]) == ids_of([settled])
    assert [(b.lead_id, b.kind, b.matched_by) for b in behaved(history)] == [(ann, "page.viewed", "visitor")]
    assert await known(bench) == []
    (nothing,) = await bench.settle(command(12, "behaviour.stitch", parties=[visitor, *parties]))
    assert events_of(nothing) == ()


async def test_a_source_cannot_give_the_command(bench: Bench) -> None:
    (settled,) = await bench.settle(record(0, {"parties": ["0" * 32]}, record_type="behaviour.stitch"))
    assert settled.outcome is not None and settled.outcome.reason == "unknown_type"


async def test_no_more_wait_for_one_stranger_than_a_thousand_and_the_rest_is_accounted_for(bench: Bench) -> None:
    settled = await bench.observe(*(did(n, minute=0, visitor_id=ANNS_BROWSER) for n in range(MAX_WAITING + 1)))
    assert fate(settled[-1]) == ("anonymous", "too_many_wait")
    await lead(bench, 5000)
    (first,) = await bench.observe(did(5001, "form.submitted", email=ANN, visitor_id=ANNS_BROWSER))
    (second,) = await bench.settle(command(5002, "behaviour.stitch", parties=await known(bench)))
    counts = len(behaved(first)) - 1, len(behaved(second))
    assert counts == (500, 500) and await known(bench) == []


async def test_a_visitor_who_was_somebody_else_is_taken_back_and_waits_again(bench: Bench) -> None:
    ann, bob = await lead(bench, 0), await lead(bench, 1, "bob@example.com")
    first = await bench.observe(
        did(2, visitor_id=ANNS_BROWSER), did(3, "form.submitted", email=ANN, visitor_id=ANNS_BROWSER)
    )
    visitor = behaved(*first)[0].visitor
    wanted = command(10, "visitor.unlink", visitor=visitor, lead_id=ann, reason="it was Bob's laptop")
    (settled,) = await bench.settle(wanted)
    assert answer(settled).result == {"taken_back": 1, "more": False}
    (taken,) = corrections(settled)
    published = {e.envelope.event_id: b for one in first for e, b in zip(events_of(one), behaved(one), strict=False)}
    assert taken.change == "retracted" and published[taken.corrects].matched_by == "visitor"
    assert ids_of(await bench.settle(wanted)) == ids_of([settled])
    (later,) = await bench.observe(did(11, "form.submitted", email="bob@example.com", visitor_id=ANNS_BROWSER))
    assert [b.lead_id for b in behaved(later)] == [bob, bob]
    (refused,) = await bench.settle(command(12, "visitor.unlink", visitor="0" * 32, lead_id=ann, reason="never was"))
    assert (answer(refused).status, answer(refused).reason) == ("refused", "unknown_visitor")


async def test_what_was_taken_back_and_is_the_same_leads_after_all_is_told_again(bench: Bench) -> None:
    """Readers know an event by its id: one that was taken back stays so, so that this has to be another."""
    ann = await lead(bench, 0)
    visits = [did(1, visitor_id=ANNS_BROWSER), did(2, "form.submitted", email=ANN, visitor_id=ANNS_BROWSER)]
    first = await bench.observe(*visits)
    unlink = command(10, "visitor.unlink", visitor=behaved(*first)[0].visitor, lead_id=ann, reason="a mistake")
    (taken,) = corrections(*await bench.settle(unlink))
    again = await bench.observe(did(11, "form.submitted", email=ANN, visitor_id=ANNS_BROWSER))
    (own, relinked) = (event for one in again for event in events_of(one))
    assert [b.kind for b in behaved(*again)] == ["form.submitted", "page.viewed"]
    assert taken.corrects in ids_of(first) and relinked.envelope.event_id not in ids_of(first)
    assert own.envelope.event_id not in ids_of(first)
    (once_more,) = corrections(*await bench.settle(command(12, "visitor.unlink", **orjson.loads(unlink.value or b""))))
    assert once_more.corrects == relinked.envelope.event_id


async def test_a_reclassification_that_comes_again_says_where_it_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behaviour_commands, "STEP", 1)
    await lead(bench, 0)
    await bench.observe(*(did(n, "mail.opened", email=ANN, properties={"user_agent": BROWSER}) for n in (1, 2)))
    wanted = command(
        10, "behaviour.reclassify", since="2026-03-01T00:00:00Z", until="2026-03-02T00:00:00Z", reason="a new list",
        user_agents=["chrome/130"],
    )  # fmt: skip
    (first,) = await bench.settle(wanted)
    (again,) = await bench.settle(wanted)
    assert answer(first).result["next"] is not None
    assert answer(again) == answer(first) and ids_of([again]) == ids_of([first])


async def test_machines_are_flagged_and_told_again_by_new_lists(bench: Bench) -> None:
    await lead(bench, 0)
    seen = {"user_agent": BROWSER, "ip": "192.0.2.7"}
    settled = await bench.observe(
        did(1, "mail.opened", email=ANN, properties=seen),
        did(2, "mail.opened", email=ANN, properties={"user_agent": "Mimecast/1.0"}),
        did(3, "call.made", email=ANN),
    )
    assert [(b.human, b.bot_reasons) for b in behaved(*settled)] == [
        (True, []), (False, ["scanner_agent"]), (True, []),
    ]  # fmt: skip
    wanted: dict[str, Any] = {
        "since": "2026-03-01T00:00:00Z", "until": "2026-03-02T00:00:00Z", "reason": "a new list",
        "user_agents": ["chrome/130"], "networks": ["192.0.2.0/24"],
    }  # fmt: skip
    (said,) = await bench.settle(command(10, "behaviour.reclassify", **wanted))
    (found,) = corrections(said)
    assert (found.human, found.bot_reasons) == (False, ["scanner_agent", "datacentre"])
    assert answer(said).result == {"corrected": 1, "next": None}
    (again, nothing, bad) = await bench.settle(
        command(10, "behaviour.reclassify", **wanted),
        command(11, "behaviour.reclassify", **wanted),
        command(12, "behaviour.reclassify", **{**wanted, "networks": ["all of them"]}),
    )
    assert ids_of([again]) == ids_of([said])
    assert corrections(nothing) == [] and answer(bad).reason == "invalid_network"


async def test_many_clicks_at_once_are_no_persons(bench: Bench) -> None:
    await lead(bench, 0)
    clicks = [
        did(
            n,
            "mail.clicked",
            minute=n / 60,
            email=ANN,
            properties={"message_id": "m-1", "url": f"https://x.example/{n}"},
        )
        for n in range(1, 6)
    ]
    first = behaved(*await bench.observe(*clicks[:2]))
    rest = behaved(*await bench.observe(*clicks[2:]))
    assert [b.bot_reasons for b in first] == [[], []]
    assert [b.bot_reasons for b in rest] == [["link_burst"]] * 3 and not any(b.human for b in rest)


@pytest.mark.parametrize("plan", ["as Postgres likes", "row by row"])
async def test_what_is_old_is_forgotten_with_those_who_waited_for_it(bench: Bench, plan: str) -> None:
    await bench.observe(did(0, visitor_id=ANNS_BROWSER), did(1, email=ANN))
    async with bench.database.transaction(bench.now) as work:
        for other in ("hashjoin", "mergejoin", "hashagg", "sort", "material") if plan == "row by row" else ():
            await work.execute(f"SET LOCAL enable_{other} = off")
        assert await forget_behaviour(work, bench.now - timedelta(days=1), limit=10) == 0
        assert await forget_behaviour(work, bench.now + timedelta(days=1), limit=1) == 1
        assert await forget_behaviour(work, bench.now + timedelta(days=1), limit=10) == 1
        later = bench.now + timedelta(days=1)
        assert await forget_strangers(work, later, later, limit=10) == 2
