"""The lead event of the hop benchmark, and the logic that every variant applies to it: validate, score, serialise."""

import random
from collections.abc import Iterator
from typing import Any, Final

import orjson

from shared.contracts import ids
from shared.contracts.base import Contract
from shared.contracts.envelope import Envelope, Headers

EVENT_BYTES: Final = 907
_TITLES: Final = ("Director of Operations", "Head of Purchasing", "Engineer", "Student", "Chief Financial Officer")
_SOURCES: Final = ("web_form", "webinar", "referral", "trade_show", "import")
_INDUSTRIES: Final = ("logistics", "software", "education", "manufacturing")
_COUNTRIES: Final = ("DE", "GB", "IN", "US", "BR", "FR")
_WORDS: Final = (
    "offer",
    "for",
    "forty",
    "seats",
    "until",
    "spring",
    "please",
    "call",
    "after",
    "noon",
    "with",
    "prices",
)


class CapturedLead(Contract):
    """What a hop reads: typed at the top, the lead as it came."""

    outcome: str
    lead: dict[str, Any]
    lead_version: int
    origin: dict[str, Any]


class ScoredLead(Contract):
    """What a hop writes: what came in, and the score."""

    lead: dict[str, Any]
    lead_version: int
    origin: dict[str, Any]
    score: int
    grade: str


def score_of(lead: dict[str, Any]) -> tuple[int, str]:
    """A small score, 0 to 100, and its grade."""
    points = 20
    title = (lead.get("title") or "").lower()
    if "director" in title or "chief" in title or "head" in title:
        points += 25
    employees = (lead.get("company") or {}).get("employees") or 0
    points += 20 if employees >= 500 else 10 if employees >= 50 else 0
    points += 15 if lead.get("source") in ("referral", "webinar") else 0
    points += 10 if (lead.get("address") or {}).get("country") in ("DE", "GB", "US") else 0
    points -= 15 if lead.get("email_free") else 0
    points = max(0, min(100, points))
    return points, "A" if points >= 70 else "B" if points >= 45 else "C"


def scored_bytes(event: CapturedLead) -> bytes:
    """The value of the output where a variant serialises by itself."""
    score, grade = score_of(event.lead)
    return orjson.dumps(
        {
            "lead": event.lead,
            "lead_version": event.lead_version,
            "origin": event.origin,
            "score": score,
            "grade": grade,
        }
    )


def captured_events(count: int, seed: int = 7) -> Iterator[tuple[str, bytes, Headers]]:
    """`count` events as capture would publish them: lead id, value of 907 bytes, headers. The same for the same seed."""
    chance = random.Random(seed)
    for n in range(count):
        lead_id = ids.derive(ids.LEADS, f"bench/{n}")
        envelope = Envelope(
            ids.root_event_id("bench", str(n)), "lead.captured", "leadstream/capture", lead_id, _instant(n)
        )
        yield lead_id, _value(n, lead_id, chance), envelope.headers()


def _instant(n: int) -> str:
    return f"2026-01-05T10:{n // 60 % 60:02d}:{n % 60:02d}.{n % 1_000_000:06d}Z"


def _value(n: int, lead_id: str, chance: random.Random) -> bytes:
    lead = _lead(n, lead_id, chance)
    event = {"outcome": "new", "lead": lead, "lead_version": 1, "origin": _origin(n)}
    missing = EVENT_BYTES - len(orjson.dumps(event))
    lead["message"] = _text(missing, chance)
    return orjson.dumps(event)


def _lead(n: int, lead_id: str, chance: random.Random) -> dict[str, Any]:
    company = f"company{chance.randrange(100_000)}"
    return {
        "lead_id": lead_id,
        "email": f"person{n}@{company}.example",
        "emails": [f"person{n}@{company}.example"],
        "email_free": chance.random() < 0.2,
        "phone": f"+49301{n % 10_000_000:07d}",
        "name": f"Person {n}",
        "title": chance.choice(_TITLES),
        "company": {
            "name": company.title(),
            "domain": f"{company}.example",
            "industry": chance.choice(_INDUSTRIES),
            "employees": chance.choice((5, 80, 900)),
        },
        "address": {"city": "Berlin", "country": chance.choice(_COUNTRIES)},
        "source": chance.choice(_SOURCES),
        "consent": {"marketing": chance.random() < 0.5},
        "message": "",
    }


def _origin(n: int) -> dict[str, Any]:
    inbound = {
        "topic": "leads.inbound.v1",
        "topic_id": ids.derive(ids.EVENTS, "bench"),
        "partition": n % 6,
        "offset": n,
    }
    return {
        "receipt_id": ids.derive(ids.RECEIPTS, str(n)),
        "source": "bench",
        "received_at": _instant(n),
        "inbound": inbound,
    }


def _text(length: int, chance: random.Random) -> str:
    if length < 0:
        raise ValueError("the event is longer than it is meant to be")
    words: list[str] = []
    size = 0
    while size <= length:
        words.append(chance.choice(_WORDS))
        size += len(words[-1]) + 1
    return " ".join(words)[:length]
