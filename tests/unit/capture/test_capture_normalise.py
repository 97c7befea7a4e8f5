"""Normalisers by table."""

import pytest

from services.capture.domain.normalise import (
    company,
    company_key,
    email,
    mailboxes_of,
    name,
    normalise_company,
    normalise_country,
    normalise_email,
    normalise_phone,
    phone,
    registrable_domain,
    split_name,
)
from services.capture.domain.vocabulary import ALIASES, TREE, SourceMatch, compile_vocabulary, map_source


@pytest.mark.parametrize(
    ("raw", "value", "key"),
    [
        ("Ann@Example.COM", "Ann@example.com", "ann@example.com"),
        (" \u00a0ann@example.com\u200b\ufeff", "ann@example.com", "ann@example.com"),
        ("Ann Lee <ann@example.com>", "ann@example.com", "ann@example.com"),
        ('"Lee, Ann" <ann@example.com>', "ann@example.com", "ann@example.com"),
        ("Ünn Lée <ann@example.com>", "ann@example.com", "ann@example.com"),
        ("ann+tag@example.com", "ann+tag@example.com", "ann+tag@example.com"),
        ("Info@example.com", "info@example.com", "info@example.com"),
        ("ann@bücher.example.org", "ann@bücher.example.org", "ann@bücher.example.org"),
        ("ann@xn--bcher-kva.de", "ann@bücher.de", "ann@bücher.de"),
        ("用户@example.org", "用户@example.org", "用户@example.org"),
        ("a" * 242 + "@example.com", "a" * 242 + "@example.com", "a" * 242 + "@example.com"),
    ],
)
def test_addresses(raw: str, value: str, key: str) -> None:
    assert normalise_email(raw) == (value, key, ())


@pytest.mark.parametrize(
    "raw",
    [
        "ann", "@example.com", "ann@", "ann@@example.com", "ann lee@example.com", ".ann@example.com",
        "ann.@example.com", "a..b@example.com", "ann@example", "ann@-example.com", "ann@example-.com",
        "ann@.example.com", "ann@example..com", "ann@example.com.", "ann@exa_mple.com", "ann@[127.0.0.1]",
        '"ann"@example.com', "ann@example.com\x7f", "ann\\@example.com", "ann@localhost", "ann@box.local",
        "ann@x.invalid", "ann@x.test", "ann@1.2.3.4", "ann,bob@example.com", "ann@example.com,bob@example.com",
        "ann<ann@example.com", "(c)ann@example.com", "ann@" + "a" * 64 + ".com", "a" * 243 + "@example.com",
        "ann@example\u00adx.com\u2028b", "mailto:ann", "ann\uff20example.com", "x" * 10_000 + "@example.com", "<>", "ann@b<>",
    ],
)  # fmt: skip
def test_what_is_no_address(raw: str) -> None:
    assert normalise_email(raw) == (None, None, ("email_invalid",))


@pytest.mark.parametrize(
    ("domain", "kind"),
    [
        ("gmail.com", "free"), ("hey.com", "free"), ("mailinator.com", "disposable"), ("a.mailinator.com", "disposable"),
        ("example.com", "company"), ("duck.com", "free"), ("yahoo.co.uk", "free"),
    ],
)  # fmt: skip
def test_mailboxes(domain: str, kind: str) -> None:
    assert mailboxes_of(domain).kind == kind


@pytest.mark.parametrize(
    ("raw", "region", "e164"),
    [
        ("+1 415 555 0100", None, "+14155550100"),
        ("+44 (0)20 7946 0958", None, "+442079460958"),
        ("0044 20 7946 0958", None, "+442079460958"),
        ("0044 20 7946 0958", "DE", "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("020 7946 0958", None, None),
        ("(591)736-1715x213", "US", "+15917361715"),
        ("+1 415 555 0100 ext. 5", None, "+14155550100"),
        ("٤١٥٥٥٥٠١٠٠", "US", "+14155550100"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("tel:+1-415-555-0100", None, "+14155550100"),
        ("call me", "US", None),
        ("1" * 25, "US", None),
        ("+999123456789", None, None),
        ("555 0100", "US", None),
        ("001-415-555-0100x7", "US", "+14155550100"),
        ("+39 02 1234567", None, "+39021234567"),
    ],
)
def test_numbers(raw: str, region: str | None, e164: str | None) -> None:
    expected = (e164, e164, ()) if e164 else (None, None, ("phone_unparseable",))
    assert normalise_phone(raw, region) == expected


@pytest.mark.parametrize("raw", ["0000000000", "+1 999 999 9999", "+1 201 234 5678", "1111111111"])
def test_numbers_of_nobody_have_no_key(raw: str) -> None:
    assert normalise_phone(raw, "US").match_key is None


@pytest.mark.parametrize(
    ("raw", "value", "key"),
    [
        ("Example Corp", "Example Corp", "example"),
        ("EXAMPLE, Inc.", "EXAMPLE, Inc.", "example"),
        ("Example Corp., Inc.", "Example Corp., Inc.", "example"),
        ("Müller  GmbH & Co. KG", "Müller GmbH & Co. KG", "muller"),
        ("\uff25\uff58\uff41\uff4d\uff50\uff4c\uff45", "Example", "example"),
        ("Limited", "Limited", "limited"),
        ("株式会社例", "株式会社例", "株式会社例"),
        ("!!!", "!!!", "!!!"),
    ],
)
def test_companies(raw: str, value: str, key: str) -> None:
    assert normalise_company(raw) == (value, key, ())


@pytest.mark.parametrize(
    ("raw", "domain"),
    [
        ("example.com", "example.com"), ("https://www.Example.co.uk/about?x=1", "example.co.uk"), ("nowhere", None),
        ("http://user@shop.example.com:80/", "example.com"), ("http://[::1", None), ("com", None), ("10.0.0.1", None),
    ],
)  # fmt: skip
def test_domains(raw: str, domain: str | None) -> None:
    assert registrable_domain(raw) == domain


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("US", "US"), ("us", "US"), ("USA", "US"), ("U.S.A.", "US"), ("United States", "US"), ("UK", "GB"),
        ("England", "GB"), ("germany", "DE"), ("Deutschland", "DE"), ("840", "US"), ("Côte d'Ivoire", "CI"),
        ("South Korea", "KR"), ("Türkiye", "TR"), ("España", "ES"), ("Czech Republic", "CZ"),
        ("Germny", None), ("Select", None), ("??", None),
    ],
)  # fmt: skip
def test_countries(raw: str, code: str | None) -> None:
    assert normalise_country(raw) == ((code, code, ()) if code else (None, None, ("country_unknown",)))


@pytest.mark.parametrize(
    ("full", "first", "last"),
    [
        ("Ann Lee", "Ann", "Lee"), ("Dr. Juan Q. Xavier de la Vega III", "Juan Q. Xavier", "de la Vega"),
        ("Lee, Ann", "Ann", "Lee"), ("Cher", "Cher", None), ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
    ],
)  # fmt: skip
def test_full_names(full: str, first: str | None, last: str | None) -> None:
    assert split_name(full) == (first, last)


def test_the_fast_paths_are_taken_for_ordinary_input() -> None:
    assert email._plain_address("Ann.Lee@Example.com") == "Ann.Lee@example.com"
    assert phone._plain_number("+1 (415) 555-0100", None) == "+14155550100"
    assert phone._plain_number("415-555-0100", "US") == "+14155550100"
    assert phone._plain_number("+49 30 901820", None) == "+4930901820"
    assert name._split_plain("Ann Lee") == ("Ann", "Lee")
    assert company._PLAIN_HOST.fullmatch("https://www.example.com/about?x=1")


def test_vanishing_legal_forms_never_empty_a_key() -> None:
    assert company_key("Inc Ltd") is not None


@pytest.mark.parametrize(
    ("raw", "source", "detail"),
    [
        ("website", "website", None), ("Web-to-Lead", "website", "form"), ("Google AdWords", "search", "paid"),
        ("Word of mouth", "referral", "word_of_mouth"), ("Trade Show", "event", "trade_show"),
        ("referral/customer", "referral", "customer"), ("Referral: Employee", "referral", "employee"),
        ("Organic Search (SEO)", "search", "organic"), ("Press_Release", "media", "press_release"),
        ("Welingak Website", "unmapped", None), ("", "unmapped", None),
    ],
)  # fmt: skip
def test_sources(raw: str, source: str, detail: str | None) -> None:
    assert map_source(raw) == SourceMatch(source, detail)


def test_an_alias_outside_the_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="outside the vocabulary"):
        compile_vocabulary(TREE, {**ALIASES, "fax": "fax/machine"})
