"""Whose a submission is."""

import pytest

from services.capture.domain.identity import (
    AlsoMatch,
    IdentityKey,
    LinkedLead,
    Verdict,
    choose_lead,
    external_key,
    identity_keys,
    partition_key,
)
from services.capture.domain.names import names_agree
from tests.unit.capture.samples import clean

EMAIL = IdentityKey("email", "ann@example.com")
PHONE = IdentityKey("phone", "+14155550100")
EXTERNAL = external_key("web", "42")
CLICK = IdentityKey("click_id", "gclid:Tx9")
ANN = LinkedLead("lead-ann", "Ann", "Lee", 2)
BOB = LinkedLead("lead-bob", "Bob", "Li", 1)
BLANK = LinkedLead("lead-blank", None, None, 3)
FULL = {
    "email": "Ann@Example.com",
    "emails": ["ann@example.com", "bob@example.com"],
    "phone": "+1 415 555 0100",
    "external_id": "42",
    "touch": {"gclid": "Tx9", "gclsrc": "aw.ds"},
}


def test_keys_come_strongest_first_and_once() -> None:
    keys = identity_keys(clean(FULL), source_name="web")
    assert keys == (EXTERNAL, EMAIL, IdentityKey("email", "bob@example.com"), PHONE, CLICK)


def test_external_ids_of_different_sources_never_share_a_key() -> None:
    assert external_key("a:b", "c") != external_key("a", "b:c")
    assert external_key("a\\", ":b") != external_key("a", "\\:b")


def test_the_partition_key_is_the_strongest_identifier_and_hides_it() -> None:
    keys = identity_keys(clean(FULL), source_name="web")
    key = partition_key(keys, secret=b"s")
    assert key == partition_key([EXTERNAL], secret=b"s") != partition_key([EXTERNAL], secret=b"t")
    assert partition_key([EMAIL, PHONE], secret=b"s") == partition_key([EMAIL], secret=b"s")
    assert partition_key([CLICK], secret=b"s") is None
    assert partition_key(identity_keys(clean({"phone": "ask"}), source_name="web"), secret=b"s") is None


def test_spellings_of_one_person_share_the_partition_key() -> None:
    one, other = ({"email": "ANN@Example.com"}, {"email": " ann@example.COM", "phone": "+1 415 555 0100"})
    keys = [partition_key(identity_keys(clean(fields), source_name="web"), secret=b"s") for fields in (one, other)]
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    ("links", "names", "expected"),
    [
        ({}, ("Ann", "Lee"), Verdict("new", None, None, ())),
        ({EMAIL: (ANN,)}, ("Bob", "Li"), Verdict("merged", "lead-ann", EMAIL, ())),
        ({PHONE: (ANN,)}, ("Ann", "Lee"), Verdict("merged", "lead-ann", PHONE, ())),
        ({PHONE: (ANN,)}, (None, None), Verdict("merged", "lead-ann", PHONE, ())),
        ({PHONE: (ANN,)}, ("Ann", None), Verdict("merged", "lead-ann", PHONE, ())),
        ({PHONE: (BLANK,)}, ("Ann", "Lee"), Verdict("merged", "lead-blank", PHONE, ())),
        ({PHONE: (ANN,)}, ("Bob", "Lee"), Verdict("new", None, None, (AlsoMatch("lead-ann", PHONE, False),))),
        ({CLICK: (ANN,)}, ("Ann", "Lee"), Verdict("new", None, None, (AlsoMatch("lead-ann", CLICK, False),))),
        (
            {EMAIL: (BOB,), EXTERNAL: (ANN,)},
            (None, None),
            Verdict("merged", "lead-ann", EXTERNAL, (AlsoMatch("lead-bob", EMAIL, True, strong=True),)),
        ),
        (
            {EMAIL: (ANN, BOB)},
            (None, None),
            Verdict("merged", "lead-bob", EMAIL, (AlsoMatch("lead-ann", EMAIL, True, strong=True),)),
        ),
        (
            {PHONE: (BOB, ANN)},
            ("Ann", "Lee"),
            Verdict("merged", "lead-ann", PHONE, (AlsoMatch("lead-bob", PHONE, False),)),
        ),
        ({EMAIL: (ANN,), PHONE: (ANN,), CLICK: (ANN,)}, ("Ann", "Lee"), Verdict("merged", "lead-ann", EMAIL, ())),
    ],
)
def test_the_choice(
    links: dict[IdentityKey, tuple[LinkedLead, ...]], names: tuple[str | None, str | None], expected: Verdict
) -> None:
    keys = (EXTERNAL, EMAIL, PHONE, CLICK)
    assert choose_lead(keys, links, first_name=names[0], last_name=names[1]) == expected
    assert choose_lead(keys[::-1], links, first_name=names[0], last_name=names[1]) == expected


def test_names_agree_across_case_and_accents() -> None:
    assert names_agree(("ANN", "Müller"), ("ann", "muller"))
    assert not names_agree(("Ann", "Lee"), ("Ann", "Li"))
