"""Leads as a source sends them straight to Kafka, for the pipeline benchmark: most of them new, a few not."""

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


def inbound_leads(count: int, partitions: int, seed: int = 11) -> Iterator[Placed]:
    """`count` records; one person's always have the same partition. The same for the same seed."""
    chance = random.Random(seed)
    for n in range(count):
        kind = chance.randrange(100)
        person = chance.randrange(n) if kind < AGAIN and n else n
        sent = n - 1 if AGAIN <= kind < AGAIN + TWICE and n else n
        lead = _lead(person, n, chance)
        if AGAIN + TWICE <= kind < AGAIN + TWICE + UNREACHABLE:
            lead = {"first_name": "Nobody", "message": "no way to answer"}
        headers = [("ce_source", b"bench"), ("ce_id", f"bench-{sent}".encode()), ("ce_type", b"lead.submitted")]
        yield Placed(person % partitions, f"person-{person}".encode(), orjson.dumps(lead), headers)


def _lead(person: int, n: int, chance: random.Random) -> dict[str, Any]:
    company = f"company{person // 3}"
    return {
        "external_id": f"person-{person}",
        "email": f"person{person}@{company}.com",
        "phone": f"+1 415 {200 + person // 10_000 % 700:03d} {person % 10_000:04d}",
        "first_name": _FIRST[person % 10],
        "last_name": _LAST[person // 10 % 10],
        "title": _TITLES[person % len(_TITLES)],
        "company": {
            "name": f"{company.title()} Inc.",
            "website": f"https://www.{company}.com",
            "industry": _INDUSTRIES[person // 3 % len(_INDUSTRIES)],
            "employees": (5, 80, 400, 2500)[person // 3 % 4],
        },
        "address": {"city": "Springfield", "state": "IL", "country": "US"},
        "source": _SOURCES[person % len(_SOURCES)],
        "campaign": "spring",
        "budget": f"{chance.choice((1_000, 9_000, 60_000))} USD",
        "message": "We are looking for a system for our sales team, please call us back.",
        "touch": {"utm_source": "google", "utm_medium": "cpc", "landing_page": f"https://example.com/l/{n % 50}"},
        "consent": {"marketing_email": True, "at": "2026-01-05T10:00:00Z"},
    }
