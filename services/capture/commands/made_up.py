"""Leads of people who do not exist, the same for the same seed: for trying things, and for load."""

import random
from collections.abc import Iterator
from typing import Any, Final

_FIRST: Final = ("Ann", "Ben", "Chiara", "Dev", "Elif", "Femi", "Grace", "Hugo", "Ines", "Jun", "Kaja", "Liam")
_LAST: Final = ("Lee", "Okafor", "Rossi", "Sharma", "Yilmaz", "Novak", "Martin", "Kowalska", "Tanaka", "Silva", "Berg")
_TITLES: Final = ("CEO", "VP Sales", "Head of Marketing", "IT Manager", "Buyer", "Student", "Analyst", None)
_INDUSTRIES: Final = ("software", "manufacturing", "retail", "healthcare", "education", None)
_COUNTRIES: Final = ("US", "DE", "GB", "FR", "BR", "IN", None)
_TOUCHES: Final[tuple[dict[str, str], ...]] = (
    {"utm_source": "google", "utm_medium": "cpc"}, {"utm_source": "newsletter", "utm_medium": "email"},
    {"referrer": "https://www.example.org/"}, {},
)  # fmt: skip
# So many of a hundred submissions come from somebody who has come before.
_AGAIN: Final = 3
_FORGOTTEN_AFTER: Final = 100_000


def made_up_leads(seed: int, name: str) -> Iterator[dict[str, Any]]:
    """Without end. Everybody's address is at a domain that is reserved for examples; `name` tells one run's people from another's."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    count = 0
    while True:
        again = count and chance.randrange(100) < _AGAIN
        person = chance.randrange(max(0, count - _FORGOTTEN_AFTER), count) if again else count
        count += 0 if again else 1
        yield _lead(chance, name, person)


def _lead(chance: random.Random, name: str, person: int) -> dict[str, Any]:
    first, last = _FIRST[person % len(_FIRST)], _LAST[person % len(_LAST)]
    company = person // 4
    told = {
        "email": f"{first}.{last}.{person}@{name}-{company}.example.com".lower(),
        "first_name": first,
        "last_name": last,
        "title": chance.choice(_TITLES),
        "company": {
            "name": f"{name} {company}",
            "industry": chance.choice(_INDUSTRIES),
            "employees": 1 + person % 5000,
        },
        "address": {"country": chance.choice(_COUNTRIES)},
        "touch": chance.choice(_TOUCHES),
        "message": "This person does not exist.",
    }
    return {field: value for field, value in told.items() if value is not None}
