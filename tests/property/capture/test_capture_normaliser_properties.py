"""Normalisers never raise, settle after one pass, and their fast paths say what the libraries say."""

from random import Random

import phonenumbers
import pytest
from cleanco import basename
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nameparser.config import CONSTANTS

from services.capture.domain.normalise import (
    company,
    company_key,
    email,
    name,
    normalise_address,
    normalise_company,
    normalise_country,
    normalise_email,
    normalise_name,
    normalise_phone,
    phone,
    registrable_domain,
)
from services.capture.domain.vocabulary import map_source

ANY_TEXT = st.text(max_size=120)
TEXTS = st.one_of(ANY_TEXT, st.text(alphabet=' \u00a0\u200b\ufeff\t\nabcé@.+0123456789<>"()[]-', max_size=40))
WORDS = st.sampled_from(
    ["ann", "Lee", "info", "Sales", "o'brien", "a+b", "a..b", "-x", "x-", "x--y", "xn--a", "é", "test", "local", "1"]
)
ADDRESS_TEXT = st.builds(
    lambda left, mid, right: f"{'.'.join(left)}{mid}{'.'.join(right)}",
    st.lists(st.one_of(WORDS, st.text(alphabet="abcZ019_-+'!# \"", max_size=70)), min_size=1, max_size=3),
    st.sampled_from(["@", "@", "@", "@@", " @", ""]),
    st.lists(
        st.one_of(
            WORDS,
            st.sampled_from(["com", "CO", "uk", "invalid", "onion", "arpa", "de", "x", "example", "c0m", "1a"]),
            st.text(alphabet="abcXYZ019-", max_size=66),
        ),
        min_size=1,
        max_size=4,
    ),
)
CODES = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
REGIONS = st.sampled_from([None, "US", "CA", "GB", "DE", "IN", "MX", "BS", "IT", "AR", "ZZ"])
NUMBER_TEXT = st.one_of(
    st.builds(lambda code, rest: f"+{code}{rest}", CODES, st.text(alphabet="0123456789 -.()", max_size=16)),
    st.builds(lambda code, rest: f"+{code}{rest}", CODES, st.text(alphabet="0123456789", min_size=5, max_size=13)),
    st.text(alphabet="0123456789 -.()", max_size=18),
    st.from_regex(r"\(?[0-9]{3}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}(x[0-9]{1,4})?", fullmatch=True),
    st.text(alphabet="+0123456789 -.()/x#,;extABC*٠٤", max_size=24),
)


@given(TEXTS)
@settings(max_examples=300)
def test_nothing_raises_and_one_pass_is_enough(raw: str) -> None:
    for normalise in (normalise_email, normalise_phone, normalise_name, normalise_company, normalise_country):
        once = normalise(raw)
        if once.value is not None:
            again = normalise(once.value)
            assert (again.value, again.match_key) == (once.value, once.match_key), normalise
    parts = normalise_address({"street": raw, "country": raw}).parts
    assert normalise_address(parts).parts == parts
    map_source(raw)
    registrable_domain(raw)
    name.split_name(raw)


@given(ADDRESS_TEXT)
@example("Info@example.com")
@example("ann@sub.LOCAL")
@example("ann@example.com")
@example("a@" + "b." * 126 + "com")
@settings(max_examples=600)
def test_plain_addresses_read_as_the_library_reads_them(text: str) -> None:
    fast = email._plain_address(text)
    assert fast is None or fast == email.address_by_library(text)


@given(ADDRESS_TEXT)
def test_an_address_and_its_spellings_share_a_key(text: str) -> None:
    found = normalise_email(text)
    if found.value is not None and found.value.isascii():
        assert normalise_email(found.value.upper()).match_key == found.match_key
        assert normalise_email(f"\u200b {found.value}\u00a0").value == found.value
        assert normalise_email(f"Ann <{found.value}>").value == found.value


@given(NUMBER_TEXT, REGIONS)
@example("+44 (0)20 7946 0000", None)
@example("415-555-0100", "US")
@example("(415) 555-0100", "CA")
@example("+1 1415 555 0100", None)
@example("+39 02 1234567", None)
@example("+54 9 11 2345 6789", None)
@example("+5491123456789", "AR")
@settings(max_examples=1500)
def test_plain_numbers_read_as_the_library_reads_them(text: str, region: str | None) -> None:
    text = text.strip()
    fast = phone._plain_number(text, region) if text else None
    assert fast is None or fast == phone.number_by_library(text, region)


@given(st.sampled_from([7, 8, 9, 10, 11]), st.randoms(use_true_random=False), CODES)
@settings(max_examples=1500)
def test_plain_international_digits_read_as_the_library_reads_them(length: int, random: Random, code: int) -> None:
    text = f"+{code}" + "".join(random.choice("0123456789") for _ in range(length))
    fast = phone._plain_number(text, None)
    assert fast is None or fast == phone.number_by_library(text, None)


SPECIAL_NAMES = [
    str(word).capitalize()
    for table in (CONSTANTS.titles, CONSTANTS.suffix_acronyms, CONSTANTS.prefixes, CONSTANTS.conjunctions)
    for word in table
]
NAME_WORD = st.one_of(
    st.from_regex(r"[A-Z][a-z]{1,9}", fullmatch=True),
    st.sampled_from(SPECIAL_NAMES),
    st.sampled_from(["Ann", "Van", "Jr", "Dr", "Mc", "De", "Nee", "Esq", "Phd", "Iii", "Abu", "Maria", "Sir", "Née"]),
)


@given(NAME_WORD, NAME_WORD)
@settings(max_examples=800)
def test_two_words_split_as_the_library_splits_them(first: str, last: str) -> None:
    fast = name._split_plain(f"{first} {last}")
    assert fast is None or fast == name.split_by_library(f"{first} {last}")


LEGAL = st.sampled_from(
    [
        "Inc",
        "inc.",
        "Ltd",
        "GmbH",
        "& Co. KG",
        "S.A.",
        "S.A. de C.V.",
        "Corp",
        "Co.",
        "Limited",
        "LLC",
        "Oy",
        "ehf",
        "a/s",
    ]
)
COMPANY_TEXT = st.one_of(
    ANY_TEXT,
    st.builds(
        lambda words, forms, tail: " ".join(words + forms) + tail,
        st.lists(st.one_of(st.from_regex(r"[A-Za-zé&.,-]{1,9}", fullmatch=True), LEGAL), max_size=3),
        st.lists(LEGAL, max_size=3),
        st.sampled_from(["", ",", ".", " -", "!"]),
    ),
)


@given(COMPANY_TEXT)
@settings(max_examples=800)
def test_legal_forms_are_stripped_as_cleanco_strips_them(text: str) -> None:
    assert company.without_legal_form(text) == basename(text)


@given(COMPANY_TEXT)
@settings(max_examples=400)
def test_company_keys_settle(text: str) -> None:
    key = company_key(text)
    assert key is None or company_key(key) == key


HOSTS = st.builds(
    lambda scheme, labels, path: scheme + ".".join(labels) + path,
    st.sampled_from(["", "http://", "https://", "HTTP://", "//", "ftp://"]),
    st.lists(
        st.one_of(
            st.sampled_from(
                ["www", "example", "co", "uk", "com", "ck", "jp", "kobe", "de", "io", "github", "x-y", "bd"]
            ),
            st.from_regex(r"[a-zA-Z0-9-]{1,8}", fullmatch=True),
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["", "/", "/a?b=c@d.com", ":80", "?q", "#x", "/x y", "."]),
)


@given(HOSTS)
@settings(max_examples=1000)
def test_plain_hosts_have_the_domain_that_the_library_finds(address: str) -> None:
    assert registrable_domain(address) == company.domain_by_library(address)


@pytest.mark.parametrize("suffix", ["com", "co.uk", "ck", "kobe.jp", "gov.bd", "github.io"])
def test_public_suffixes_are_nobodys_domain(suffix: str) -> None:
    assert registrable_domain(suffix) == company.domain_by_library(suffix)
