"""What one submission shows of other leads: joined at once, asked about, or left alone."""

from typing import Any

import orjson
import pytest

from services.capture.domain.blocking import MAX_BLOCK
from services.capture.domain.people import People, Placed, stamp_of_record, submission_facts, submitted
from services.capture.domain.reading import Reading, read_value
from shared.contracts import ids

NAME = {"first_name": "Ann", "last_name": "Lee"}


def place(people: People, n: int, *, source: str = "web", **fields: Any) -> Placed:
    read = read_value(orjson.dumps(fields), "")
    assert isinstance(read, Reading)
    event_id = ids.root_event_id("web", str(n))
    facts = submission_facts(read.clean, stamp_of_record(1000 + n, 0, n, event_id), source=source, touched_at="")
    return people.place(submitted(read.clean, facts, event_id, source=source))


def test_two_leads_that_one_submission_names_are_joined_where_names_agree() -> None:
    people = People()
    first = place(people, 1, email="ann@gmail.com", **NAME)
    second = place(people, 2, source="crm", external_id="7", first_name="Ann", last_name="L.")
    both = place(people, 3, source="crm", external_id="7", email="ann@gmail.com", **NAME)
    (merge,) = people.joining.merges
    assert (merge.winner_id, merge.loser_id) == (first.member_id, second.member_id)
    assert (both.outcome, both.matched_by, both.person.lead_id) == ("merged", "external_id", first.member_id)
    assert both.member_id == second.member_id
    assert both.person.version == merge.version == 3
    (finding,) = both.findings
    assert (finding.verdict, finding.merge_id, finding.pair_id) == ("same", merge.merge_id, None)


@pytest.mark.parametrize("bought", [(), ("first",), ("second",), ("first", "second")])
def test_whoever_became_an_opportunity_wins_and_two_who_did_are_asked_about(bought: tuple[str, ...]) -> None:
    people = People()
    first = place(people, 1, email="ann@gmail.com", **NAME)
    second = place(people, 2, source="crm", external_id="7", first_name="Ann", last_name="L.")
    known = {"first": first.member_id, "second": second.member_id}
    people.joining.customers = frozenset(known[name] for name in bought)
    both = place(people, 3, source="crm", external_id="7", email="ann@gmail.com", **NAME)
    if len(bought) == 2:
        assert people.joining.merges == [] and [finding.verdict for finding in both.findings] == ["review"]
        return
    (merge,) = people.joining.merges
    assert merge.winner_id == known[bought[0] if bought else "first"] == both.person.lead_id


def test_where_names_are_not_known_or_differ_a_person_is_asked() -> None:
    for names in ({}, {"first_name": "Bob", "last_name": "Li"}):
        people = People()
        place(people, 1, email="ann@gmail.com", **NAME)
        place(people, 2, source="crm", external_id="7", phone="+14155550100", **names)
        both = place(people, 3, source="crm", external_id="7", email="ann@gmail.com")
        assert people.joining.merges == []
        (pair,) = people.joining.pairs.values()
        assert [(f.verdict, f.pair_id) for f in both.findings] == [("review", pair.pair_id)]


def test_a_phone_never_joins_two_who_each_have_an_identifier_of_their_own() -> None:
    people = People()
    ann = place(people, 1, email="ann@gmail.com", phone="+14155550100", first_name="Ann")
    other = place(people, 2, email="lee@gmail.com", phone="+14155550100", last_name="Lee")
    blank = place(people, 3, email="who@gmail.com", phone="+14155550100")
    assert [p.outcome for p in (ann, other, blank)] == ["new"] * 3
    assert place(people, 4, phone="+14155550100", first_name="Ann").person is ann.person


def test_an_offices_mailbox_joins_like_a_switchboards_phone() -> None:
    people = People()
    ann = place(people, 1, email="info@northwind.com", **NAME)
    assert place(people, 2, email="info@northwind.com", first_name="Bob", last_name="Li").outcome == "new"
    assert place(people, 3, email="info@northwind.com", **NAME).person is ann.person


def test_placeholders_link_nobody() -> None:
    people = People()
    for n, fields in enumerate(({"email": "test@northwind.com"}, {"external_id": "null", "email": "null@a.com"}) * 2):
        assert place(people, n, **fields).outcome == "new"
    assert people.links == {}


def test_a_new_lead_that_is_somebody_by_its_profile_is_joined_so_that_it_can_be_undone() -> None:
    people = People()
    ann = place(people, 1, email="ann.lee@northwind.com", **NAME)
    tagged = place(people, 2, email="ann.lee+fair@northwind.com", **NAME)
    assert (tagged.outcome, tagged.matched_by, tagged.person) == ("merged", "profile", ann.person)
    assert tagged.member_id == ids.derive(ids.LEADS, ids.root_event_id("web", "2")) != ann.member_id
    assert [(m.winner_id, m.loser_id, m.reason) for m in people.joining.merges] == [
        (ann.member_id, tagged.member_id, "same_profile")
    ]
    assert place(people, 3, email="ann.lee+fair@northwind.com").member_id == tagged.member_id


def test_a_tagged_address_finds_the_plain_one_and_the_other_way_round() -> None:
    for first, second in (("ann+x@gmail.com", "ann@gmail.com"), ("ann@gmail.com", "ann+x@gmail.com")):
        people = People()
        place(people, 1, email=first, **NAME)
        assert place(people, 2, email=second, **NAME).matched_by == "profile"
        assert place(people, 3, email="ann+y@gmail.com", first_name="Bob").outcome == "new"


def test_look_alikes_are_asked_about_and_a_third_like_two_joins_neither() -> None:
    people = People()
    company = {"name": "Northwind"}
    place(people, 1, email="ann1@gmail.com", company=company, **NAME)
    second = place(people, 2, email="ann2@gmail.com", company=company, **NAME)
    assert [f.verdict for f in second.findings] == ["review"]
    phone = {"phone": "+14155550100", "company": company}
    place(people, 3, source="a", external_id="1", **phone, **NAME)
    assert people.joining.merges == []
    assert len(people.joining.pairs) == 3


def test_a_pair_that_somebody_kept_apart_is_neither_joined_nor_asked_about() -> None:
    people = People()
    first = place(people, 1, email="ann@gmail.com", **NAME)
    second = place(people, 2, source="crm", external_id="7", **NAME)
    people.joining.kept.add(frozenset((first.member_id, second.member_id)))
    both = place(people, 3, source="crm", external_id="7", email="ann@gmail.com", **NAME)
    assert (both.findings, people.joining.merges, people.joining.pairs) == ((), [], {})


def test_a_block_that_is_too_full_tells_nothing_and_stops_growing() -> None:
    people = People()
    placed = [
        place(people, n, email=f"p{n}@gmail.com", company={"name": "Northwind"}, **NAME) for n in range(MAX_BLOCK + 5)
    ]
    assert placed[5].findings
    assert placed[-1].findings == ()
    assert len(people.joining.new_blocks) == MAX_BLOCK + 1
