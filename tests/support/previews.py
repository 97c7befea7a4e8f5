"""A stored past as reporting hands it to a preview, without a database."""

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from services.preview.job import run
from services.reporting.domain.bundles import Entry, pack
from services.reporting.domain.frames import BUNDLE, JOB, LEADS, MERGED, framed, frames
from shared.contracts import ids

DAY_US = 86_400_000_000
MEMBERS = [{"member_id": name, "active": name != "zoe", "queues": ["sales"]} for name in ("ann", "ben", "zoe")]


def lead_id(n: int) -> str:
    return ids.derive(ids.LEADS, f"preview/{n}")


def entry(n: int, event_type: str, data: Mapping[str, Any], at: int = 0, *, raw: bool = True) -> Entry:
    """An event of the n-th lead."""
    value = orjson.dumps(data)
    event_id = ids.root_event_id("preview", f"{n}/{event_type}/{at}")
    return Entry(event_id, event_type, "leads.captured.v1", 0, n, at, "website", lead_id(n), raw, value)


def captured(n: int, at: int = 0, version: int = 1, *, raw: bool = True, **facts: Any) -> Entry:
    lead = {"lead_id": lead_id(n), "email": f"p{n}@example.com", "last_name": "Lee", **facts}
    return entry(n, "lead.captured", {"outcome": "new", "lead": lead, "lead_version": version}, at, raw=raw)


def scored(n: int, grade: str, version: int = 1) -> Entry:
    return entry(n, "lead.scored", {"score": {"grade": grade, "value": 1}, "score_version": version}, 1)


def routed(n: int, owner: str | None, queue: str | None = None, version: int = 1) -> Entry:
    assignment = {"owner": owner, "queue": queue}
    return entry(n, "lead.routed", {"assignment": assignment, "assignment_version": version}, 2)


_PERCENT = {"Prospecting": 10, "Closed Won": 100, "Closed Lost": 0}


def closed(n: int, stage: str, version: int = 1) -> Entry:
    said = {"stage": stage, "probability": _PERCENT[stage], "opportunity_version": version}
    return entry(n, "opportunity.changed", said, 3)


def did(n: int, kind: str = "page.viewed", at: int = 0, *, nth: int = 0, **said: Any) -> Entry:
    """The n-th lead did something; `nth` tells events of one instant apart."""
    data = {"lead_id": lead_id(n), "kind": kind, "occurred_at": _written(at), "human": True, **said}
    made = entry(n, "lead.behaved", data, at)
    return made._replace(event_id=ids.root_event_id("preview", f"{n}/{kind}/{at}/{nth}"))


def corrected(n: int, told: Entry, at: int, *, human: bool = True, change: str = "reclassified") -> Entry:
    """What the n-th lead did is seen otherwise."""
    data = {
        "lead_id": lead_id(n), "corrects": told.event_id, "change": change, "kind": "page.viewed",
        "occurred_at": _written(told.at), "human": human, "reason": "test", "corrected_at": _written(at),
    }  # fmt: skip
    return entry(n, "behaviour.corrected", data, at)


def _written(at: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).isoformat()


def pieces(
    job: Mapping[str, Any],
    bundles: Sequence[Sequence[Entry]],
    wanted: Sequence[str] | None = None,
    merged: Mapping[str, str] | None = None,
) -> bytes:
    """What reporting would write."""
    told = wanted if wanted is not None else sorted({each.lead_id for bundle in bundles for each in bundle})
    lead_ids = b"".join(UUID(each).bytes for each in told)
    pairs = b"".join(UUID(loser).bytes + UUID(winner).bytes for loser, winner in (merged or {}).items())
    past = [framed(BUNDLE, pack(bundle)) for bundle in bundles if bundle]
    return b"".join([framed(JOB, orjson.dumps(job)), framed(LEADS, lead_ids), framed(MERGED, pairs), *past])


def previewed(
    drafts: Sequence[str],
    entries: Sequence[Entry],
    *,
    live: Mapping[str, str] | None = None,
    members: Sequence[Mapping[str, Any]] | None = MEMBERS,
    examples: int = 5,
    bundles: Sequence[Sequence[Entry]] | None = None,
    as_of_ms: int | None = None,
    wanted: Sequence[str] | None = None,
    merged: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The report of a preview over these events."""
    job = {
        "drafts": [{"name": f"draft{n}.yaml", "text": text} for n, text in enumerate(drafts)],
        "live": {kind: {"text": text, "version": 3} for kind, text in (live or {}).items()},
        "members": members,
        "examples": examples,
        "as_of_ms": as_of_ms,
    }
    return run(frames(io.BytesIO(pieces(job, bundles if bundles is not None else [entries], wanted, merged))))


def many(leads: int, a_bundle: int = 400, deeds: int = 0) -> Iterator[list[Entry]]:
    """A varied past in bundles as reporting makes them: captured, scored, routed, some outcomes, and so many `deeds` of every
    second lead, a day apart."""
    titles = ("CEO", "VP Sales", "Marketing Manager", "Student", "Engineer", None)
    industries = ("software", "education", "retail", "insurance", "mining")
    bundle: list[Entry] = []
    for n in range(leads):
        company = {"name": f"Company {n % 977}", "employees": n * 37 % 4000, "industry": industries[n % 5]}
        facts: dict[str, Any] = {
            "title": titles[n % 6], "company": company, "source": ("website", "list", "referral")[n % 3],
            "phone": "+14155550100" if n % 4 else None, "email_free": n % 3 == 0, "email_disposable": False,
            "budget": {"amount": str(n % 90 * 1000), "currency": "USD"}, "touch_count": 1 + n % 5,
            "address": {"country": ("US", "DE", "BR")[n % 3]}, "message": "Call me", "state": "lead",
        }  # fmt: skip
        bundle += [captured(n, n * 60_000_000, **facts), scored(n, "ABCD"[n % 4]), routed(n, ("ann", "ben")[n % 2])]
        if n % 2 and deeds:
            bundle += [_visit(n, day) for day in range(deeds)]
        if n % 9 == 0:
            bundle.append(closed(n, "Closed Won" if n % 2 else "Closed Lost"))
        if len(bundle) >= a_bundle * 3:
            yield bundle
            bundle = []
    if bundle:
        yield bundle


def _visit(n: int, day: int) -> Entry:
    category = ("pricing", "blog", "products")[(n // 2 + day) % 3]
    kind = ("page.viewed", "mail.clicked", "form.submitted")[(n // 2 + day) % 7 % 3]
    at = n * 60_000_000 + day * DAY_US + 1_000_000
    return did(n, kind, at, category=category, properties={"url": f"/{category}/{n % 50}"}, human=n % 20 != 1)
