"""What a batch's submissions make of leads and identities, one after the other."""

import orjson

from services.capture.domain.people import MAX_SHARED, People, Placed, stamp_of_record, submission_facts, submitted
from services.capture.domain.reading import Reading, read_value
from services.capture.domain.view import lead_view
from shared.contracts import ids


def place(people: People, n: int, *, touched_at: str = "", **fields: object) -> Placed:
    read = read_value(orjson.dumps(fields), "")
    assert isinstance(read, Reading)
    event_id = ids.root_event_id("web", str(n))
    facts = submission_facts(read.clean, stamp_of_record(1000 + n, 0, n, event_id), source="web", touched_at=touched_at)
    return people.place(submitted(read.clean, facts, event_id, source="web"))


def test_a_lead_made_earlier_in_the_batch_is_found() -> None:
    people = People()
    first = place(people, 1, email="a@b.com", first_name="Ann")
    second = place(people, 2, email="A@b.com", phone="+14155550100")
    third = place(people, 3, phone="+14155550100", first_name="Ann")
    assert [p.outcome for p in (first, second, third)] == ["new", "merged", "merged"]
    assert [p.matched_by for p in (first, second, third)] == [None, "email", "phone"]
    assert first.person is second.person is third.person
    assert third.person.version == 3
    assert first.person.lead_id == ids.derive(ids.LEADS, ids.root_event_id("web", "1"))
    assert len(people.new_links) == 2


def test_a_shared_phone_does_not_join_people_of_other_names() -> None:
    people = People()
    ann = place(people, 1, email="ann@b.com", phone="+14155550100", first_name="Ann")
    bob = place(people, 2, email="bob@b.com", phone="+14155550100", first_name="Bob")
    assert bob.outcome == "new"
    assert bob.person is not ann.person


def test_a_switchboard_stops_being_evidence_and_stops_growing() -> None:
    people = People()
    for n in range(MAX_SHARED + 10):
        place(people, n, email=f"p{n}@b.com", phone="+14155550100", first_name=f"P{n}")
    late = place(people, 999, phone="+14155550100")
    assert late.outcome == "new"
    phone_links = [link for link in people.new_links if link.key.kind == "phone"]
    assert len(phone_links) == MAX_SHARED + 1


def test_the_newest_name_counts_for_a_phone() -> None:
    people = People()
    first = place(people, 1, email="a@b.com", phone="+14155550100", first_name="Ann")
    place(people, 2, email="a@b.com", first_name="Anna")
    assert place(people, 3, phone="+14155550100", first_name="Anna").person is first.person
    assert place(people, 4, phone="+14155550100", first_name="Ann").outcome == "new"


def test_first_touch_stays_and_the_claimed_time_orders_nothing() -> None:
    people = People()
    place(people, 1, email="a@b.com", campaign="spring")
    later = place(people, 2, email="a@b.com", campaign="autumn", touched_at="2001-01-01T00:00:00Z")
    view = lead_view(later.person.facts, later.person.lead_id)
    assert view["first_touch"]["campaign"] == view["campaign"] == "spring"
    assert view["last_touch"]["campaign"] == "autumn"
    assert view["last_touch"]["occurred_at"] == "2001-01-01T00:00:00Z"


def test_records_of_one_millisecond_keep_the_order_of_the_log() -> None:
    stamps = [stamp_of_record(5, 1, offset, ids.new_id()) for offset in (9, 10, 255, 4096)]
    assert stamps == sorted(stamps)
