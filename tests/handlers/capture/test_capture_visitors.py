"""Submissions that name their visitor: what its browser did before is the lead's, under the guard rails of behaviour."""

from typing import Any

import orjson
import pytest

from shared.contracts.topics import EVENTS_INBOUND
from shared.handling.records import Record
from shared.messaging.settling import Settled
from tests.support.behaviour import ANNS_BROWSER, behaved, did, events_of, fate, ids_of
from tests.support.capture import Bench, record

pytestmark = pytest.mark.stack

ANN = "ann@example.com"
FORM = (("content-type", b"application/x-www-form-urlencoded"),)


def said(offset: int, *settled: Settled) -> list[Record]:
    """What these leads say of their visitors, as the lane of behaviour gets it."""
    found = [event for one in settled for event in events_of(one) if event.topic == EVENTS_INBOUND]
    return [
        record(offset + n, event.data, topic=EVENTS_INBOUND, record_type=event.envelope.type)._replace(
            event_id=event.envelope.event_id, source=event.envelope.source
        )
        for n, event in enumerate(found)
    ]


def lead(offset: int, email: str = ANN, **more: Any) -> Record:
    return record(offset, {"email": email, "visitor_id": ANNS_BROWSER, **more})


def lead_of(settled: Settled) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(events_of(settled)[0].data)["lead"]
    return found


@pytest.mark.parametrize(
    "submission", [lead(10), record(10, b"email=ann%40example.com&visitor_id=" + ANNS_BROWSER.encode(), headers=FORM)]
)
async def test_what_the_browser_did_before_is_the_leads(bench: Bench, submission: Record) -> None:
    (waits,) = await bench.observe(did(1, visitor_id=ANNS_BROWSER))
    assert fate(waits) == ("anonymous", "visitor_unknown")
    captured = await bench.settle(submission)
    assert lead_of(captured[0])["extra"] == {}
    identified = said(20, *captured)
    (stitched,) = await bench.observe(*identified)
    assert [(b.kind, b.matched_by) for b in behaved(stitched)] == [
        ("visitor.identified", "lead_id"), ("page.viewed", "visitor"),
    ]  # fmt: skip
    assert {b.lead_id for b in behaved(stitched)} == {lead_of(captured[0])["lead_id"]}
    assert ids_of(await bench.settle(submission)) == ids_of(captured)
    assert ids_of(await bench.observe(*identified)) == ids_of([stitched])


async def test_a_second_person_on_the_browser_gets_only_what_follows(bench: Bench) -> None:
    await bench.observe(did(1, visitor_id=ANNS_BROWSER))
    ann, bob = await bench.settle(lead(10), lead(11, "bob@example.com"))
    first, second = await bench.observe(*said(20, ann, bob))
    assert [len(behaved(first)), len(behaved(second))] == [2, 1]
    assert lead_of(ann)["lead_id"] != lead_of(bob)["lead_id"]


@pytest.mark.parametrize("visitor_id", ["null", "0000000", "abc", "", None, 7, ["a"], {"a": 1}, "x" * 300])
async def test_an_id_that_is_nobodys_says_nothing(bench: Bench, visitor_id: Any) -> None:
    captured = await bench.settle(record(0, {"email": ANN, "visitor_id": visitor_id}))
    assert len(events_of(captured[0])) == 1


async def test_what_is_refused_says_nothing_and_one_let_out_of_quarantine_does(bench: Bench) -> None:
    (refused, named) = await bench.settle(
        record(0, {"email": "no address", "visitor_id": ANNS_BROWSER}),
        record(1, {"email": ANN, "message": "visitor_id"}),
    )
    assert said(10, refused, named) == []
    own = (("ce_source", b"web"), ("ce_id", b"form-1"))
    guarded = (*own, ("content-type", b"application/json"), ("ls_guard", b""))
    trapped = {"email": ANN, "visitor_id": ANNS_BROWSER, "ls_hp": "x"}
    (held,) = await bench.settle(record(2, trapped, ce_id="form-1", headers=guarded))
    assert held.outcome is not None and said(10, held) == []
    release = {"event_id": held.record.event_id, "requested_by": "ann", "note": "a customer"}
    command = record(3, release, source="api", topic="capture.commands.v1", record_type="quarantine.release")
    (released,) = await bench.settle(command)
    assert len(said(10, released)) == 1
