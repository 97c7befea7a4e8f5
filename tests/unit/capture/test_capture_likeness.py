"""What names, identifiers and profiles say about two leads being one person."""

from typing import Any

import pytest

from services.capture.domain.blocking import block_keys, blocks_of
from services.capture.domain.facts import facts_of, stamp_of
from services.capture.domain.identifiers import is_empty_address, is_empty_id, is_role_address, untagged
from services.capture.domain.likeness import Profile, compare, profile_of
from services.capture.domain.names import compare_part, names_agree, relate_names
from tests.unit.capture.samples import RECEIVED, clean

ANN = {
    "first_name": "Ann",
    "last_name": "Lee",
    "email": "ann.lee@northwind.com",
    "phone": "+14155550100",
    "company": {"name": "Northwind Inc"},
}


def profile(**fields: Any) -> Profile:
    return profile_of(
        facts_of(clean({**ANN, **fields}), stamp_of(RECEIVED, "1"), source_name=fields.get("from", "web"))
    )


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Ann", "ANN", "same"),
        ("Jürgen", "Jurgen", "same"),
        ("Ann Marie", "Ann", "same"),
        ("Jean-Luc", "Jean Luc", "same"),
        ("M.", "Marquez", "initial"),
        ("Marquez", "m", "initial"),
        ("M.", "Lee", "differs"),
        ("Marquez", "Marques", "similar"),
        ("Li", "Le", "differs"),
        ("Ann", "Bob", "differs"),
        ("Ann Marie", "Ann Louise", "differs"),
        (None, "Ann", "blank"),
        (".", "Ann", "blank"),
    ],
)
def test_parts_of_names(one: str | None, other: str | None, expected: str) -> None:
    assert compare_part(one, other) == compare_part(other, one) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("Ann", "Lee"), ("ann", "LEE"), "agree"),
        (("Steve", "M."), ("Steve", "Marquez"), "agree"),
        (("Lee", "Ann"), ("Ann", "Lee"), "agree"),
        (("S.", "M."), ("Steve", "Marquez"), "open"),
        (("Ann", None), ("Ann", "Lee"), "open"),
        ((None, None), ("Ann", "Lee"), "open"),
        (("Ann", "Lee"), ("Bob", "Lee"), "differ"),
        (("Hannah", "Lee"), ("Hanna", "Lee"), "differ"),
    ],
)
def test_names_that_agree_differ_or_leave_it_open(one: Any, other: Any, expected: str) -> None:
    assert relate_names(one, other) == relate_names(other, one) == expected
    assert names_agree(one, other) == (expected != "differ")


@pytest.mark.parametrize("address", ["test@acme.com", "null@acme.com", "noreply@acme.com"])
def test_addresses_of_nobody(address: str) -> None:
    assert is_empty_address(address)


def test_identifiers_that_say_little() -> None:
    assert [is_empty_id(each) for each in ("null", "N/A", "000", "0", "007", "x1")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
    assert is_role_address("info@acme.com")
    assert is_role_address("sales+emea@acme.com")
    assert not is_role_address("ann@acme.com")
    assert untagged("ann+fair@acme.com") == "ann@acme.com"
    assert untagged("+1@acme.com") == "+1@acme.com"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"email": "ann.lee+fair@northwind.com", "phone": None}, "same"),
        ({"email": "lee@gmail.com", "last_name": "L."}, "same"),
        ({"email": "lee@gmail.com", "company": None}, "review"),
        ({"email": "annlee@northwind.com", "phone": None}, "review"),
        ({"email": "ann.leee@northwind.com", "phone": None, "company": None}, "review"),
        ({"email": "ann.lee2@northwind.com", "phone": None, "first_name": "Anna"}, "new"),
        ({"email": "lee@gmail.com", "phone": None, "first_name": "A."}, "review"),
        ({"email": "lee@gmail.com", "phone": None, "first_name": "A.", "last_name": "L."}, "new"),
        ({"email": "lee@gmail.com", "phone": None, "company": None}, "new"),
        ({"email": "bob@northwind.com", "first_name": "Bob"}, "new"),
        ({"email": "ann.lee+fair@northwind.com", "first_name": None, "last_name": None, "phone": None}, "review"),
    ],
)
def test_the_verdict(changes: dict[str, Any], expected: str) -> None:
    one, other = profile(), profile(**changes)
    assert compare(one, other).verdict == compare(other, one).verdict == expected


def test_two_ids_of_one_source_are_never_the_same_without_somebodys_word() -> None:
    one, other = (profile(external_id=each, email="ann.lee+x@northwind.com") for each in ("1", "2"))
    like = compare(one, other)
    assert (like.verdict, like.evidence["external_id"]) == ("review", "differs")


def test_evidence_holds_levels_and_no_values() -> None:
    like = compare(profile(), profile(last_name="L."))
    assert like.evidence == {
        "first_name": "same", "last_name": "initial", "email": "same", "phone": "same", "company": "same",
    }  # fmt: skip


def test_blocks_meet_where_names_sound_alike_at_one_company() -> None:
    def blocks(**fields: Any) -> set[int]:
        return set(block_keys(clean({**ANN, **fields}).facts))

    assert len(blocks()) == 2
    assert blocks(last_name="Leigh", email="x@gmail.com") & blocks()
    assert blocks(company=None, first_name="Anita") & blocks()
    assert not blocks(first_name="Bob") & blocks()
    assert not blocks(company={"name": "Other"}, email="ann@other.com") & blocks()
    assert blocks(last_name="L.") == blocks(first_name=None) == set()
    assert set(blocks_of(profile())) == blocks()
