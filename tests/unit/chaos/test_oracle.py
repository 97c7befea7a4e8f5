"""The oracle catches what it is there for: each test breaks right evidence in one way."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from shared.contracts.topics import CAPTURED, CONVERTED, INBOUND, REJECTED, ROUTED, SCORED, dead_letter_topic
from tests.chaos import oracle
from tests.chaos.evidence import Evidence, Seen
from tests.chaos.oracle import Allowed, Level, Sent, Stored
from tests.chaos.people import Submission

HOT, COLD = "p-0", "p-1"


def received(offset: int, event_id: str) -> Seen:
    return Seen(INBOUND, 0, offset, {"ce_id": event_id.encode()}, b"{}")


def event(topic: str, ce_id: str, **data: Any) -> Seen:
    return Seen(topic, 0, 0, {"ce_id": ce_id.encode()}, orjson.dumps(data))


def origin(offset: int) -> dict[str, Any]:
    return {"inbound": {"topic": INBOUND, "partition": 0, "offset": offset}}


def captured(person: str, offset: int, version: int = 1, lead: str | None = None) -> Seen:
    known = {"lead_id": lead or f"lead of {person}", "external_ids": [f"partner:{person}"]}
    return event(CAPTURED, f"c{offset}", lead=known, lead_version=version, origin=origin(offset))


def scored(person: str, version: int = 1, ce_id: str | None = None) -> Seen:
    lead = {"lead_id": f"lead of {person}"}
    return event(SCORED, ce_id or f"s{person}{version}", lead=lead, lead_version=version, score_version=version)


def routed(person: str, version: int = 1) -> Seen:
    lead = {"lead_id": f"lead of {person}"}
    return event(ROUTED, f"r{person}{version}", lead=lead, lead_version=version, score_version=1, assignment_version=1)


def converted(person: str, ce_id: str = "o") -> Seen:
    return event(CONVERTED, ce_id, lead_id=f"lead of {person}", opportunity_id=f"opportunity of {person}")


def right() -> list[Seen]:
    """Two people, one hot and one cold, and a submission that names nobody: everything as it should be."""
    return [
        *(received(n, f"e{n}") for n in range(3)),
        *(captured(person, n) for n, person in enumerate((HOT, COLD))),
        event(REJECTED, "x2", origin=origin(2)),
        *(scored(person) for person in (HOT, COLD)),
        *(routed(person) for person in (HOT, COLD)),
        converted(HOT),
    ]


def sent() -> Sent:
    known = Sent()
    for submission in (
        Submission("e0", HOT, "a company", b""),
        Submission("e1", COLD, None, b""),
        Submission("e2", None, None, b""),
    ):
        known.acknowledged(submission)
    return known


def found(records: list[Seen], allowed: Allowed | None = None) -> list[str]:
    evidence = Evidence()
    for record in records:
        evidence.add(record)
    return oracle.examine(evidence, sent(), allowed or Allowed()).all


def without(*unwanted: Seen) -> list[Seen]:
    return [record for record in right() if record not in unwanted]


def test_right_evidence_has_no_findings() -> None:
    assert found(right()) == []


DEAD = {
    "dlq-original-topic": INBOUND.encode(),
    "dlq-original-partition": b"0",
    "dlq-original-offset": b"1",
    "dlq-reason": b"processing_failed",
}


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda: without(received(1, "e1")), "1 acknowledged events are not in Kafka"),
        (lambda: without(captured(COLD, 1)), "1 received records without an outcome"),
        (lambda: without(scored(COLD)), "1 leads whose newest version was not scored"),
        (lambda: without(routed(COLD)), "1 leads whose newest version was not routed"),
        (lambda: without(converted(HOT)), "1 hot leads not converted"),
        (lambda: [*right(), converted(HOT, "o2")], "1 leads converted more than once"),
        (lambda: [*right(), converted(COLD, "o2")], "1 cold leads converted"),
        (lambda: [*right(), event(REJECTED, "x3", origin=origin(1))], "1 received records with several outcomes"),
        (lambda: [*right(), event(REJECTED, "x3", origin=origin(9))], "1 outcomes of records that nobody received"),
        (lambda: [*right(), captured(HOT, 0, lead="another lead")], "1 people with several leads"),
        (lambda: [*right(), scored(HOT)], "1 events twice"),
        (lambda: [*right(), scored(HOT, 2), scored(HOT, 1, "late")], "1 versions went back"),
        (lambda: [*right(), Seen(dead_letter_topic("scoring"), 0, 0, {}, b"")], "1 dead letters, not 0"),
        (lambda: [*without(captured(COLD, 1)), Seen(dead_letter_topic("capture"), 0, 0, DEAD, b"")], "1 dead letters"),
    ],
)
def test_each_broken_promise_is_found(broken: Callable[[], list[Seen]], says: str) -> None:
    assert any(finding.startswith(says) for finding in found(broken())), found(broken())


def test_what_a_fault_caused_on_purpose_is_allowed_and_awaited() -> None:
    letter = Seen(dead_letter_topic("scoring"), 0, 0, {}, b"")
    allowed = Allowed(dead_letters=1, excused={HOT})
    assert found([*without(scored(HOT), routed(HOT), converted(HOT)), letter], allowed) == []
    assert found(right(), Allowed(dead_letters=1)) == ["1 dead letters missing"]


STORED = Stored(1, 1, 1, frozenset({f"lead of {HOT}"}), 3, [])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, []),
        ({"accounts": 2}, ["2 accounts, not 1"]),
        ({"contacts": 2}, ["2 contacts, not 1"]),
        ({"opportunities": 2}, ["2 opportunities stored, 1 published"]),
        ({"conversions": frozenset()}, ["1 conversions differ between Postgres and Kafka"]),
        ({"ledger_received": 2}, ["ledger: 2 received of 3"]),
        ({"ledger_problems": ["a sum differs"]}, ["ledger: a sum differs"]),
    ],
)
def test_tables_and_ledger_are_held_against_the_topics(change: dict[str, Any], says: list[str]) -> None:
    evidence = Evidence()
    for record in right():
        evidence.add(record)
    assert oracle.compare(evidence, sent(), Allowed(), replace(STORED, **change)) == says


def test_levels_that_stay_up_are_found() -> None:
    before = {"scoring": Level(100, 40, 3)}
    assert oracle.compare_levels(before, {"scoring": Level(180, 60, 5)}, 5) == []
    after = {"scoring": Level(420, 70, 9)}
    assert [text.split(":")[1].split()[0] for text in oracle.compare_levels(before, after, 5)] == [
        "memory",
        "descriptors",
        "9",
    ]


def test_a_fault_that_did_not_bite_proves_nothing() -> None:
    assert oracle.not_bitten({"kills": 20, "redelivered": 3}, {"kills": 20, "redelivered": 1}) == []
    assert oracle.not_bitten({"kills": 20}, {"kills": 20, "redelivered": 1}) == ["redelivered 0 of 1"]
