"""Address cards: several in a file, of all three versions, with what programs make of them."""

from pathlib import Path

import pytest

from services.capture.importing.inspecting import inspect_file
from services.capture.importing.opening import open_table
from services.capture.importing.suggesting import suggest
from services.capture.importing.table import Row

OLD = """BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=BCrgen;;Dr.
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=BCrgen M=C3=BCller
TEL;CELL:+49 170 1234567
TEL;WORK:+49 30 1234567
EMAIL;INTERNET:juergen@example.de
NOTE;ENCODING=QUOTED-PRINTABLE:first line=0D=0A=
second line
END:VCARD
"""
MIDDLE = """BEGIN:VCARD
VERSION:3.0
N:Lee;Ann;Maria;;
FN:Ann Maria Lee
ORG:Example Corp;Sales
TITLE:VP Sales
item1.EMAIL;TYPE=INTERNET:ann@exam
 ple.com
item2.ADR;TYPE=WORK:;;1 Main St;Springfield;IL;62701;US
PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQAAAQABAAD
 /2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwg
X-SKYPE:ann.lee
END:VCARD
"""
NEW = """BEGIN:VCARD
VERSION:4.0
FN:Bo
UID:urn:uuid:1
EMAIL;PREF=1:bo@example.com
EMAIL:bo2@example.com
TEL;VALUE=uri;TYPE=cell:tel:+1-415-555-0100
END:VCARD
"""


def documents(tmp_path: Path, content: bytes) -> tuple[list[Row], list[dict[str, object]]]:
    path = tmp_path / "cards.vcf"
    path.write_bytes(content)
    facts = inspect_file(path)
    assert facts.kind == "vcard"
    table = open_table(path, facts)
    mapping = suggest(table.header, source="phone")
    rows = list(table)
    return rows, [mapping.document(row.cells) for row in rows if not row.damage]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_cards_of_every_version(tmp_path: Path, ending: str) -> None:
    rows, leads = documents(tmp_path, (OLD + MIDDLE + "\n" + NEW).replace("\n", ending).encode())
    assert [(row.number, row.damage) for row in rows] == [(2, ""), (3, ""), (4, "")]
    assert leads == [
        {
            "name": "Jürgen Müller",
            "first_name": "Jürgen",
            "last_name": "Müller",
            "message": "first line\r\nsecond line",
            "emails": ["juergen@example.de"],
            "phones": ["+49 170 1234567", "+49 30 1234567"],
            "source": "phone",
            "extra": {"Other Properties": "N: Dr."},
        },
        {
            "name": "Ann Maria Lee",
            "first_name": "Ann Maria",
            "last_name": "Lee",
            "title": "VP Sales",
            "company": {"name": "Example Corp"},
            "address": {
                "street": "1 Main St",
                "city": "Springfield",
                "state": "IL",
                "postal_code": "62701",
                "country": "US",
            },
            "emails": ["ann@example.com"],
            "source": "phone",
            "extra": {"Other Properties": "ORG unit: Sales\nX-SKYPE: ann.lee"},
        },
        {
            "external_id": "urn:uuid:1",
            "name": "Bo",
            "emails": ["bo@example.com", "bo2@example.com"],
            "phones": ["+1-415-555-0100"],
            "source": "phone",
        },
    ]


def test_a_card_that_is_none_costs_no_other(tmp_path: Path) -> None:
    broken = "BEGIN:VCARD\nVERSION:3.0\nthis is no property\nEND:VCARD\n"
    unfinished = "BEGIN:VCARD\nVERSION:3.0\nFN:Half\n"
    rows, leads = documents(tmp_path, (NEW + broken + unfinished + NEW + "stray\n").encode())
    assert [(row.number, row.damage) for row in rows] == [
        (2, ""),
        (3, "damaged_row"),
        (4, "damaged_row"),
        (5, ""),
        (6, "damaged_row"),
    ]
    assert rows[1].raw == broken
    assert len(leads) == 2


def test_a_card_of_a_megabyte_is_cut_and_named(tmp_path: Path) -> None:
    giant = "BEGIN:VCARD\nVERSION:3.0\n" + "".join(f"NOTE:{'x' * 1000}\n" for _ in range(1000)) + "END:VCARD\n"
    rows, leads = documents(tmp_path, (giant + NEW).encode())
    assert [row.damage for row in rows] == ["too_large", ""]
    assert len(leads) == 1


def test_cards_in_latin_letters_of_an_older_program(tmp_path: Path) -> None:
    card = "BEGIN:VCARD\nVERSION:3.0\nFN:José Núñez\nEMAIL:jose@example.com\nEND:VCARD\n"
    _, (lead,) = documents(tmp_path, card.encode("cp1252"))
    assert lead["name"] == "José Núñez"
