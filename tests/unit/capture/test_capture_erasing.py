"""What an erasure leaves of a lead, and what stays out after it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.capture.domain.erasing import are_several, blanked, keep_out_digest, keys_to_keep_out, stays_out
from services.capture.domain.fact_shape import Facts, Layer, LeadFacts, Stamp
from services.capture.domain.facts import merge_facts
from services.capture.domain.identity import IdentityKey
from services.capture.domain.view import lead_view

EMAIL, PHONE = IdentityKey("email", "a@b.example"), IdentityKey("phone", "+14155550100")
CLICK = IdentityKey("click_id", "gclid:Tx9")


@pytest.mark.parametrize(
    ("named", "several"),
    [
        ([], False),
        ([[], []], False),
        ([["a"], []], False),
        ([["a"], ["a", "b"]], False),
        ([["a"], ["b"]], True),
        ([["a"], ["b"], ["b", "a"]], False),
        ([["a", "b"], [], ["b", "c"], ["d"]], True),
    ],
)
def test_submissions_are_of_several_people_where_nothing_ties_them(named: list[list[str]], several: bool) -> None:
    assert are_several(named) is several


def lead(*layers: Facts) -> LeadFacts:
    return LeadFacts(0, tuple(Layer(Stamp(n, str(n)), facts) for n, facts in enumerate(layers)))


def test_a_blank_lead_says_when_and_how_often_and_nothing_else() -> None:
    facts = lead(
        {"f": {"first_name": "Ann"}}, {"e": [["a@b.example", "a@b.example", None, "company", "b.example"]]}, {}
    )
    blank = lead_view(blanked(facts), "1")
    assert blank["touch_count"] == 3 and blank["first_touch"] == {"at": "1970-01-01T00:00:00Z", "record_id": "0"}
    empty = lead_view(LeadFacts(0, (Layer(Stamp(0, "0"), {}),)), "1")
    touches = ("first_touch", "last_touch", "touch_count")
    assert {**blank, **dict.fromkeys(touches)} == {**empty, **dict.fromkeys(touches)}


def test_identifiers_of_one_person_alone_stay_out() -> None:
    facts = lead(
        {"e": [["a@b.example", "x", None, None, None]], "p": [["+14155550100", "x", None]], "t": {"gclid": "Tx9"}}
    )
    assert keys_to_keep_out([facts], shared=()) == [EMAIL, PHONE]
    assert keys_to_keep_out([facts], shared={PHONE, EMAIL}) == [EMAIL]


def test_a_digest_depends_on_the_secret_and_the_kind() -> None:
    digests = {
        keep_out_digest(key, secret=secret)
        for key in (EMAIL, IdentityKey("phone", "a@b.example"))
        for secret in (b"a" * 16, b"b" * 16)
    }
    assert len(digests) == 4 and all(len(digest) == 32 for digest in digests)


@pytest.mark.parametrize(
    ("keys", "sent_us", "is_listed", "expected"),
    [
        ([EMAIL], 99, False, True),
        ([EMAIL], 100, False, False),
        ([EMAIL], 100, True, True),
        ([PHONE], 1, True, False),
        ([PHONE, EMAIL], 99, False, True),
        ([], 1, True, False),
    ],
)
def test_who_stays_out(keys: list[IdentityKey], sent_us: int, is_listed: bool, expected: bool) -> None:
    assert stays_out(keys, {EMAIL: 100}, sent_us=sent_us, is_listed=is_listed) is expected


SAID = st.tuples(st.integers(0, 9), st.sampled_from(["given", "refused", "confirmed"]))


@given(st.lists(SAID, min_size=1, max_size=6, unique_by=lambda said: said[0]), st.randoms())
def test_a_refusal_stands_until_it_is_confirmed_otherwise(said: list[tuple[int, str]], random: object) -> None:
    """In whatever order records and merges come: the newest of refusals and confirmed agreements, else an agreement."""
    states = []
    for at, what in said:
        evidence = {"text": "x", **({"confirmed": ["marketing_email"]} if what == "confirmed" else {})}
        states.append(
            LeadFacts(0, (Layer(Stamp(at, str(at)), {"c": {"marketing_email": what != "refused"}, "k": evidence}),))
        )
    random.shuffle(states)  # type: ignore[attr-defined]
    merged = states[0]
    for state in states[1:]:
        merged = merge_facts(merged, state)
    strong = [what for _, what in sorted(said) if what != "given"]
    assert lead_view(merged, "1")["consent"]["marketing_email"] is (not strong or strong[-1] == "confirmed")
