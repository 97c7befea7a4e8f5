"""What a lead did, folded from its events: corrected, with dwell, sessions and ranked interests."""

import random
from typing import Any

from services.reporting.domain.behaviour import interests, seen
from services.reporting.domain.leads import StoredEvent, in_order


def event(
    n: int, kind: str, minute: float, *, type: str = "lead.behaved", said: Any = None, **facts: Any
) -> StoredEvent:
    at = f"2026-01-05T{10 + int(minute) // 60:02d}:{int(minute) % 60:02d}:00.000000Z"
    return StoredEvent(str(n), type, "lead", at, "site", {"kind": kind, **facts}, said or {}, None)


def view(view_id: str) -> dict[str, Any]:
    return {"properties": {"view_id": view_id}}


VISIT = [
    event(1, "page.viewed", 0, category="pricing", topics=["crm"], said=view("a")),
    event(2, "page.left", 1, dwell_s=20, said=view("a")),
    event(3, "page.left", 2, dwell_s=45.5, said=view("a")),
    event(4, "page.viewed", 29, category="blog", topics=["crm", "leads"], said=view("b")),
    event(5, "page.viewed", 60, category="blog", said=view("c")),
    event(6, "site.searched", 61, said={"search_term": "price list"}),
    event(7, "page.left", 62, dwell_s=3, said=view("never seen")),
    event(8, "mail.opened", 200, human=False),
]


def test_the_seconds_stand_with_the_page_and_tell_the_sum_once() -> None:
    shown = seen(VISIT)
    assert [(e.event_id, e.facts.get("dwell_s")) for e in shown if e.facts["kind"].startswith("page")] == [
        ("1", 45.5), ("4", None), ("5", None), ("7", 3),
    ]  # fmt: skip


def test_interests_are_ranked_and_machines_count_nothing() -> None:
    found = interests(VISIT, personal=True)
    assert found["sessions"]["count"] == 2
    assert found["categories"] == [
        {"category": "pricing", "views": 1, "dwell_s": 45.5}, {"category": "blog", "views": 2, "dwell_s": 0.0},
    ]  # fmt: skip
    assert found["topics"] == [{"name": "crm", "count": 2}, {"name": "leads", "count": 1}]
    assert found["search_terms"] == [{"name": "price list", "count": 1}]
    assert "mail.opened" not in {kind["name"] for kind in found["kinds"]}
    assert interests(VISIT, personal=False)["search_terms"] == []


def test_the_order_of_arrival_does_not_matter() -> None:
    shuffled = VISIT[:]
    random.Random(7).shuffle(shuffled)
    assert interests(in_order(shuffled), personal=True) == interests(VISIT, personal=True)


def test_what_was_corrected_is_seen_otherwise() -> None:
    wrong = event(
        9, "page.viewed", 300, type="behaviour.corrected", corrects="1", change="retracted", reason="not hers"
    )
    robot = event(10, "page.viewed", 301, type="behaviour.corrected", corrects="5", change="reclassified",
                  human=False, human_probability=0.04, bot_reasons=["datacentre"], reason="a new list")  # fmt: skip
    shown = {e.event_id: e for e in seen([*VISIT, wrong, robot])}
    assert "1" not in shown and shown["5"].facts["human"] is False
    assert {c["category"]: c["views"] for c in interests([*VISIT, wrong, robot], personal=True)["categories"]} == {
        "blog": 1
    }
