"""A merge that is taken back leaves everybody as if it had not happened, whatever came in between."""

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from services.capture.domain.facts import state_to_json
from services.capture.domain.people import People, stamp_of_record, submission_facts, submitted
from services.capture.domain.person import Person, join
from services.capture.domain.reading import Reading, read_value
from services.capture.domain.separating import separate
from shared.contracts import ids

# One identifier of one person at most, and no company: what joins leads by itself is not what this test is about.
SUBMISSIONS = st.lists(
    st.fixed_dictionaries(
        {"email": st.sampled_from([f"p{n}@gmail.com" for n in range(4)])},
        optional={
            "phone": st.sampled_from(["+14155550100", "+14155550101", "+14155550102"]),
            "first_name": st.sampled_from(["Ann", "Bob", "A."]),
            "last_name": st.sampled_from(["Lee", "Li"]),
            "campaign": st.sampled_from(["spring", "autumn"]),
            "consent": st.sampled_from([{"marketing_email": True}, {"marketing_email": False}]),
        },
    ),
    min_size=2,
    max_size=8,
)
PHONES_ALONE = st.lists(
    st.fixed_dictionaries(
        {"phone": st.sampled_from(["+14155550100", "+14155550101", "+14155550102"])},
        optional={"first_name": st.sampled_from(["Ann", "Bob"]), "title": st.sampled_from(["CEO", "CFO"])},
    ),
    max_size=4,
)


def place(people: People, n: int, fields: dict[str, Any]) -> None:
    read = read_value(orjson.dumps(fields), "")
    assert isinstance(read, Reading)
    event_id = ids.root_event_id("web", str(n))
    facts = submission_facts(read.clean, stamp_of_record(1000 + n, 0, n, event_id), source="web", touched_at="")
    people.place(submitted(read.clean, facts, event_id, source="web"))


def roots(people: People) -> list[Person]:
    return sorted((p for p in people.leads.values() if p.parent_id is None), key=lambda person: person.lead_id)


def told(people: People) -> dict[str, tuple[bytes, bytes, str | None, int]]:
    """All there is to know of everybody, but for versions."""
    return {
        person.lead_id: (
            state_to_json(person.facts),
            state_to_json(person.own),
            person.parent_id,
            person.created_us,
        )
        for person in people.leads.values()
    }


def unmerge(people: People, loser_id: str) -> None:
    root = people.joining.root_of(people.leads, people.leads[loser_id])
    tree = {
        lead_id: person
        for lead_id, person in people.leads.items()
        if people.joining.root_of(people.leads, person) is root
    }
    before = max(root.version, people.leads[loser_id].version)
    winner, loser = separate(tree, root.lead_id, loser_id)
    assert winner.version == loser.version == before + 1


@settings(max_examples=150, deadline=None)
@given(SUBMISSIONS, SUBMISSIONS, PHONES_ALONE, st.data())
def test_merge_then_more_then_unmerge_is_never_merged(
    first: list[dict[str, Any]], later: list[dict[str, Any]], calls: list[dict[str, Any]], data: st.DataObject
) -> None:
    people, never = People(), People()
    for n, fields in enumerate(first):
        place(people, n, fields)
        place(never, n, fields)
    merged: list[str] = []
    for _ in range(data.draw(st.integers(1, 3))):
        standing = roots(people)
        if len(standing) < 2:
            break
        winner, loser = data.draw(st.permutations(standing))[:2]
        versions = winner.version, loser.version
        join(winner, loser)
        assert winner.version == loser.version == max(versions) + 1
        merged.append(loser.lead_id)
    for n, fields in enumerate((*later, *calls), start=100):
        place(people, n, fields)
        place(never, n, fields)
    for loser_id in data.draw(st.permutations(merged)):
        unmerge(people, loser_id)
    assert told(people) == told(never)
    assert people.links == never.links
