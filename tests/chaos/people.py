"""Who submits: people made from a seed, of whom it is known beforehand who must become an opportunity.

Every third person is a hot business lead, whose gate opens; the others are private people whose gate never does. Of a
hundred submissions three come from somebody known, one is an event sent twice, and one names nobody.
"""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

AGAIN: Final = 3
TWICE: Final = 1
NOBODY: Final = 1
HOT_EVERY: Final = 3
_A_COMPANY: Final = 4
_TITLES: Final = ("CEO", "Director of Sales", "Purchasing Manager")


@dataclass(frozen=True, slots=True)
class Submission:
    """One event of a source. `person` is its own id of the person (None: nobody), `company` set where it must convert.

    `open_fate`: whether it converts is not known beforehand.
    """

    event_id: str
    person: str | None
    company: str | None
    body: bytes
    open_fate: bool = False


def submissions(seed: int, name: str = "p") -> Iterator[Submission]:
    """Without end; the same for the same seed. `name` tells the people of one pipeline from another's."""
    chance = random.Random(seed)
    n = 0
    last: Submission | None = None
    while True:
        kind = chance.randrange(100)
        if last is not None and kind < TWICE:
            yield last
        elif kind < TWICE + NOBODY:
            yield Submission(f"{name}-e{n}", None, None, orjson.dumps({"first_name": "Nobody", "message": str(n)}))
        else:
            person = chance.randrange(n) if kind < TWICE + NOBODY + AGAIN and n else n
            last = of_person(name, person, n)
            yield last
        n += 1


def of_person(name: str, person: int, n: int) -> Submission:
    """The `n`-th event, of this person."""
    own_id = f"{name}-{person}"
    if person % HOT_EVERY:
        return Submission(f"{name}-e{n}", own_id, None, orjson.dumps(_private(own_id, n)))
    company = f"{name}-company-{person // HOT_EVERY // _A_COMPANY}"
    return Submission(f"{name}-e{n}", own_id, company, orjson.dumps(_business(own_id, person, company, n)))


def _private(own_id: str, n: int) -> dict[str, Any]:
    return {
        "external_id": own_id,
        "email": f"{own_id}@gmail.com",
        "first_name": "Chen",
        "last_name": "Novak",
        "title": "Student",
        "source": "website",
        "message": f"Please send me brochure {n}.",
        "touch": {"utm_source": "google", "utm_medium": "cpc", "landing_page": f"https://example.com/l/{n % 50}"},
    }


def _business(own_id: str, person: int, company: str, n: int) -> dict[str, Any]:
    return {
        "external_id": own_id,
        "email": f"{own_id}@{company}.example",
        "first_name": "Ann",
        "last_name": "Lee",
        "title": _TITLES[person % len(_TITLES)] if person % 2 else "CEO",
        "company": {"name": company, "industry": "software", "employees": 420},
        "address": {"country": "US"},
        "budget": "50000 USD",
        "products": ["crm"],
        "source": "website",
        "message": f"Please call us back, {n}.",
        "touch": {"utm_source": "google", "utm_medium": "cpc", "gclid": f"T{n}"},
    }


def from_csv(path: Path, seed: int, name: str = "p") -> Iterator[Submission]:
    """The people of a CSV file with the columns of X Education's, round and round, mixed with ours one to one."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    ours = submissions(seed, name)
    n = 0
    while True:
        yield next(ours)
        yield _of_row(rows[n % len(rows)], f"{name}-{n // len(rows)}", n)
        n += 1


def _of_row(row: dict[str, str], name: str, n: int) -> Submission:
    own_id = f"{name}-x{row.get('Prospect ID') or row.get('Lead Number') or n}"
    body = {
        "external_id": own_id,
        "source": row.get("Lead Source") or "unknown",
        "title": row.get("What is your current occupation"),
        "address": {"city": row.get("City"), "country": None},
        "message": row.get("Last Activity"),
    }
    kept = {key: value for key, value in body.items() if value}
    return Submission(f"{name}-x{n}", own_id, None, orjson.dumps(kept), open_fate=True)
