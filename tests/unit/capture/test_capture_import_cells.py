"""Cells: what spreadsheets damage, what has two readings, and addresses in one line."""

from typing import Any

import pytest

from services.capture.domain.normalise.address_line import parse_address_line
from services.capture.importing.cells import DateOrder, Decimal, exact_digits, money, plain_number, read_date
from services.capture.importing.profile import profile_of
from services.capture.importing.suggesting import Choices, apply_mapping, suggest, suggested


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("2018-02-01", None, ("2018-02-01", None)),
        ("2018/2/1", None, ("2018-02-01", None)),
        ("2018-02-01 9:05", None, ("2018-02-01T09:05", None)),
        ("2018-02-01T09:05:00Z", None, ("2018-02-01T09:05:00Z", None)),
        ("1 Feb 2018", None, ("2018-02-01", None)),
        ("February 1, 2018", None, ("2018-02-01", None)),
        ("01-02-2018", None, ("01-02-2018", "ambiguous_date")),
        ("2/1/2018", None, ("2/1/2018", "ambiguous_date")),
        ("25/12/2018", None, ("25/12/2018", "ambiguous_date")),
        ("01-02-2018", "dmy", ("2018-02-01", None)),
        ("2/1/2018", "mdy", ("2018-02-01", None)),
        ("1.2.2018 14:30", "dmy", ("2018-02-01T14:30", None)),
        ("12/25/2018", "dmy", ("12/25/2018", "other_date_order")),
        ("01-02-18", "dmy", ("01-02-18", "other_date_order")),
        ("01-02-2018", "ymd", ("01-02-2018", "other_date_order")),
        ("45517", "dmy", ("45517", "serial_date")),
        ("2018-02-30", None, ("2018-02-30", "not_a_date")),
        ("soon", None, ("soon", "not_a_date")),
        ("2018-02-01 whenever", None, ("2018-02-01 whenever", "not_a_date")),
    ],
)
def test_dates_are_never_guessed(text: str, order: DateOrder | None, expected: tuple[str, str | None]) -> None:
    assert read_date(text, order) == expected


@pytest.mark.parametrize(
    ("text", "decimal", "expected"),
    [
        ("1234", None, ("1234", None)),
        ("1234.5", None, ("1234.5", None)),
        ("12,50", None, ("12.50", None)),
        ("1.234.567,89", None, ("1234567.89", None)),
        ("1,234,567.89", None, ("1234567.89", None)),
        ("1 234 567", None, ("1234567", None)),
        ("1'234'567", None, ("1234567", None)),
        ("1,234,567", None, ("1234567", None)),
        ("0.125", None, ("0.125", None)),
        ("1.200", None, ("1.200", "ambiguous_number")),
        ("1,200", None, ("1,200", "ambiguous_number")),
        ("1.200", ",", ("1200", None)),
        ("1.200", ".", ("1.200", None)),
        ("1,200", ".", ("1200", None)),
        ("1,2,3", ".", ("1,2,3", "not_usable")),
        ("1.23,4.5", ",", ("1.23,4.5", "not_usable")),
        ("many", ".", ("many", "not_usable")),
    ],
)
def test_numbers_with_two_readings_are_asked_about(
    text: str, decimal: Decimal | None, expected: tuple[str, str | None]
) -> None:
    assert plain_number(text, decimal) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5000 USD", ("5000 USD", None)),
        ("EUR 12.000,50", ("12000.50 EUR", None)),
        ("€ 99,90", ("99.90 EUR", None)),
        ("£1,234.50", ("1234.50 GBP", None)),
        ("$50000", ("50000", "currency_unknown")),
        ("$50,000", ("$50,000", "ambiguous_number")),
        ("plenty", ("plenty", "not_usable")),
        ("USD 5 EUR", ("USD 5 EUR", "not_usable")),
    ],
)
def test_amounts(text: str, expected: tuple[str, str | None]) -> None:
    assert money(text, None) == expected


def test_a_shortened_number_stands_for_nobody() -> None:
    assert exact_digits("9.1987E+11") == ("9.1987E+11", "scientific_number")
    assert exact_digits("9,1987E+11") == ("9,1987E+11", "scientific_number")
    assert exact_digits("4155550100.0") == ("4155550100", None)
    assert exact_digits("+1 415 555 0100") == ("+1 415 555 0100", None)


def lead(header: list[str], cells: list[str], choices: Choices | None = None) -> dict[str, Any]:
    return apply_mapping(suggested(header, choices), header, source="fair", label=False).document(cells)


def test_damaged_cells_are_flagged_and_kept_as_they_stand() -> None:
    header = ["Lead ID", "Email", "Phone", "Consent date", "Signup Date", "Budget"]
    damaged = ["1.2E+09", "a@b.com", "9.1987E+11", "45517", "01-02-2018", "1.200"]
    assert lead(header, damaged) == {
        "emails": ["a@b.com"],
        "source": "fair",
        "extra": {
            "Lead ID": "1.2E+09",
            "Phone": "9.1987E+11",
            "Consent date": "45517",
            "Signup Date": "01-02-2018",
            "Budget": "1.200",
            "import_flags": [
                "Lead ID: scientific_number",
                "Phone: scientific_number",
                "Consent date: serial_date",
                "Signup Date: ambiguous_date",
                "Budget: ambiguous_number",
            ],
        },
    }
    whole = ["7", "a@b.com", "+49 30 1234567", "01-02-2018", "01-02-2018", "1.200 EUR"]
    assert lead(header, whole, Choices("dmy", ",")) == {
        "external_id": "7",
        "emails": ["a@b.com"],
        "phones": ["+49 30 1234567"],
        "consent": {"at": "2018-02-01T00:00:00Z"},
        "budget": "1200 EUR",
        "source": "fair",
        "extra": {"Signup Date": "2018-02-01"},
    }


def test_lost_zeros_show_beside_their_neighbours() -> None:
    header = ["Email", "Zip", "Phone"]
    rows = [[f"p{n}@b.com", f"{n:05}", f"0{30_000_000 + n}"] for n in range(10_000, 10_020)]
    profile = profile_of(header, rows)
    mapping = apply_mapping(suggested(header), header, source="fair", profile=profile, label=False)
    assert mapping.document(["a@b.com", "8123", "1701234567"])["extra"] == {
        "import_flags": ["Zip: lost_zeros", "Phone: lost_zeros"]
    }
    assert mapping.document(["a@b.com", "8123", "1701234567"])["address"] == {"postal_code": "8123"}
    assert "extra" not in mapping.document(["a@b.com", "08123", "01701234567"])
    assert dict(mapping.flagged) == {("Zip", "lost_zeros"): 2, ("Phone", "lost_zeros"): 2}


def test_placeholders_can_be_added_to() -> None:
    assert lead(["email", "City"], ["a@b.com", "(none)"], Choices(placeholders=("(none)",))) == {
        "emails": ["a@b.com"],
        "source": "fair",
    }


def test_what_our_exports_write_before_a_formula_is_taken_away_again() -> None:
    header = ["email", "phone", "name", "note"]
    assert lead(header, ["a@b.com", "'+1 415 555 0100", "'=1+1", "'tis true"]) == {
        "emails": ["a@b.com"],
        "phones": ["+1 415 555 0100"],
        "name": "=1+1",
        "message": "'tis true",
        "source": "fair",
    }


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (
            "1 Main St, Springfield, IL 62701, US",
            {"street": "1 Main St", "city": "Springfield", "state": "IL", "postal_code": "62701", "country": "US"},
        ),
        (
            "1 Main St, Apt 4, New York, NY 10001-1234",
            {"street": "1 Main St, Apt 4", "city": "New York", "state": "NY", "postal_code": "10001-1234"},
        ),
        (
            "Hauptstr. 5\n10115 Berlin\nDeutschland",
            {"street": "Hauptstr. 5", "city": "Berlin", "postal_code": "10115", "country": "DE"},
        ),
        (
            "12 High St, Leeds LS1 4AP, UK",
            {"street": "12 High St", "city": "Leeds", "postal_code": "LS1 4AP", "country": "GB"},
        ),
        (
            "24 Sussex Dr, Ottawa, ON K1M 1M4, Canada",
            {"street": "24 Sussex Dr", "city": "Ottawa", "state": "ON", "postal_code": "K1M 1M4", "country": "CA"},
        ),
        ("1 Main St, San Francisco, CA", None),
        ("somewhere", None),
        ("Springfield, IL 62701", None),
        ("c/o Ann, Springfield, IL 62701", None),
        ("", None),
    ],
)
def test_addresses_in_one_line(line: str, parts: dict[str, str] | None) -> None:
    assert parse_address_line(line) == parts


def test_an_address_column_is_parts_or_the_street_and_said_so() -> None:
    header = ["email", "Address"]
    assert lead(header, ["a@b.com", "1 Main St, Springfield, IL 62701"])["address"]["city"] == "Springfield"
    kept = lead(header, ["a@b.com", "somewhere nice"])
    assert kept["address"] == {"street": "somewhere nice"}
    assert kept["extra"] == {"import_flags": ["Address: address_not_parsed"]}
    beside = lead(["email", "Address", "City"], ["a@b.com", "somewhere nice", "Rome"])
    assert beside == {
        "emails": ["a@b.com"],
        "address": {"street": "somewhere nice", "city": "Rome"},
        "source": "fair",
    }


def test_five_thousand_columns_lose_nothing() -> None:
    header = ["email", *(f"field {n}" for n in range(5_000))]
    found = suggest(header, source="fair").document(["a@b.com", *map(str, range(5_000))])
    assert found["extra"]["columns"][4_999] == ["field 4999", "4999"]


def test_exports_of_outlook_and_google_are_known_by_their_headers() -> None:
    outlook = ["First Name", "Last Name", "Title", "Job Title", "E-mail Address", "E-mail 2 Address", "Business Phone",
               "Mobile Phone", "Business Street", "Business City", "Business Country/Region", "Company", "Notes"]  # fmt: skip
    cells = ["Ann", "Lee", "Dr.", "CEO", "a@b.com", "a2@b.com", "+1 415 555 0100", "", "1 Main St", "Rome", "Italy", "X", "n"]  # fmt: skip
    assert suggested(outlook).name == "outlook"
    assert lead(outlook, cells) == {
        "first_name": "Ann",
        "last_name": "Lee",
        "title": "CEO",
        "emails": ["a@b.com", "a2@b.com"],
        "phones": ["+1 415 555 0100"],
        "address": {"street": "1 Main St", "city": "Rome", "country": "Italy"},
        "company": {"name": "X"},
        "message": "n",
        "source": "fair",
        "extra": {"Title": "Dr."},
    }
    google = ["Name", "Given Name", "Family Name", "Group Membership", "E-mail 1 - Type", "E-mail 1 - Value",
              "Phone 1 - Type", "Phone 1 - Value", "Organization 1 - Name", "Address 1 - City"]  # fmt: skip
    cells = ["Ann Lee", "Ann", "Lee", "* myContacts", "Work", "a@b.com ::: a2@b.com", "Mobile", "+1 415 555 0100", "X", "Rome"]  # fmt: skip
    found = lead(google, cells)
    assert suggested(google).name == "google"
    assert (found["emails"], found["company"], found["address"]) == (
        ["a@b.com", "a2@b.com"],
        {"name": "X"},
        {"city": "Rome"},
    )
