"""Leads as a source sends them straight to Kafka, for the pipeline benchmark: most of them new, a few not.

Every other one is a private person with a free e-mail address, no phone and no company; the rest are business leads with
all fields filled, of whom about seven in ten convert. So about every third lead ends as an opportunity.
"""

import random
from collections.abc import Iterator
from typing import Any, Final

import orjson

from tests.benchmark.preload import Placed

# Of a hundred: a person who is known already, an event sent twice, a lead that nobody can be reached by.
AGAIN: Final = 3
TWICE: Final = 1
UNREACHABLE: Final = 1
_TITLES: Final = (
    "Chief Executive Officer",
    "Director of Sales",
    "Purchasing Manager",
    "Engineer",
    "Student",
    "Analyst",
)
_INDUSTRIES: Final = ("software", "logistics", "education", "manufacturing", "retail")
_FIRST: Final = ("Ann", "Bela", "Chen", "Dora", "Emil", "Fatima", "Grace", "Hugo", "Ines", "Jonas")
_LAST: Final = ("Lee", "Nagy", "Silva", "Weber", "Okafor", "Rossi", "Novak", "Larsen", "Haddad", "Moreau")
_SOURCES: Final = ("website", "referral", "event", "list", "partner")


def inbound_leads(count: int, partitions: int, seed: int = 11, *, first: int = 0) -> Iterator[Placed]:
    """`count` records; one person's always have the same partition. The same for the same seed.

    `first`: how many came before; those who are known already are among them.
    """
    chance = random.Random(seed + first)
    for n in range(first, first + count):
        kind = chance.randrange(100)
        person = chance.randrange(n) if kind < AGAIN and n else n
        sent = n - 1 if AGAIN <= kind < AGAIN + TWICE and n else n
        lead = _lead(person, n, chance)
        if AGAIN + TWICE <= kind < AGAIN + TWICE + UNREACHABLE:
            lead = {"first_name": "Nobody", "message": "no way to answer"}
        headers = [("ce_source", b"bench"), ("ce_id", f"bench-{sent}".encode()), ("ce_type", b"lead.submitted")]
        yield Placed(person % partitions, f"person-{person}".encode(), orjson.dumps(lead), headers)


def _lead(person: int, n: int, chance: random.Random) -> dict[str, Any]:
    return _private(person, n) if person % 2 else _business(person, n, chance)


def _private(person: int, n: int) -> dict[str, Any]:
    return {
        "external_id": f"person-{person}",
        "email": f"person{person}@gmail.com",
        "first_name": _FIRST[person // 2 % 10],
        "last_name": _LAST[person // 20 % 10],
        "title": _TITLES[person // 2 % len(_TITLES)],
        "address": {"country": "US"},
        "source": _SOURCES[person // 2 % len(_SOURCES)],
        "campaign": "spring",
        "message": "Please send me your brochure.",
        "touch": {"utm_source": "google", "utm_medium": "cpc", "landing_page": f"https://example.com/l/{n % 50}"},
        "consent": {"marketing_email": True, "at": "2026-01-05T10:00:00Z"},
    }


def _business(person: int, n: int, chance: random.Random) -> dict[str, Any]:
    company = f"company{person // 3}"
    return {
        "external_id": f"person-{person}",
        "email": f"person{person}@{company}.com",
        "phone": f"+1 415 {200 + person // 10_000 % 700:03d} {person % 10_000:04d}",
        "first_name": _FIRST[person % 10],
        "last_name": _LAST[person // 10 % 10],
        "title": _TITLES[person // 2 % len(_TITLES)],
        "company": {
            "name": f"{company.title()} Inc.",
            "website": f"https://www.{company}.com",
            "industry": _INDUSTRIES[person // 3 % len(_INDUSTRIES)],
            "employees": (5, 80, 400, 2500)[person // 3 % 4],
        },
        "address": {"city": "Springfield", "state": "IL", "country": "US"},
        "source": _SOURCES[person // 2 % len(_SOURCES)],
        "campaign": "spring",
        "budget": f"{chance.choice((1_000, 9_000, 60_000))} USD",
        "message": "We are looking for a system for our sales team, please call us back.",
        "touch": {"utm_source": "google", "utm_medium": "cpc", "landing_page": f"https://example.com/l/{n % 50}"},
        "consent": {"marketing_email": True, "at": "2026-01-05T10:00:00Z"},
    }
