"""A stored past as reporting hands it to a preview, without a database."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from services.preview.job import run
from services.reporting.domain.bundles import Entry, pack
from services.reporting.domain.frames import BUNDLE, JOB, LEADS, framed, frames
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


def pieces(job: Mapping[str, Any], bundles: Sequence[Sequence[Entry]], wanted: Sequence[str] | None = None) -> bytes:
    """What reporting would write."""
    told = wanted if wanted is not None else sorted({each.lead_id for bundle in bundles for each in bundle})
    lead_ids = b"".join(UUID(each).bytes for each in told)
    past = [framed(BUNDLE, pack(bundle)) for bundle in bundles if bundle]
    return b"".join([framed(JOB, orjson.dumps(job)), framed(LEADS, lead_ids), *past])


def previewed(
    drafts: Sequence[str],
    entries: Sequence[Entry],
    *,
    live: Mapping[str, str] | None = None,
    members: Sequence[Mapping[str, Any]] | None = MEMBERS,
    examples: int = 5,
    bundles: Sequence[Sequence[Entry]] | None = None,
) -> dict[str, Any]:
    """The report of a preview over these events."""
    job = {
        "drafts": [{"name": f"draft{n}.yaml", "text": text} for n, text in enumerate(drafts)],
        "live": {kind: {"text": text, "version": 3} for kind, text in (live or {}).items()},
        "members": members,
        "examples": examples,
    }
    return run(frames(io.BytesIO(pieces(job, bundles if bundles is not None else [entries]))))


def many(leads: int, a_bundle: int = 400) -> Iterator[list[Entry]]:
    """A varied past in bundles as reporting makes them: captured, scored, routed, and some outcomes."""
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
        if n % 9 == 0:
            bundle.append(closed(n, "Closed Won" if n % 2 else "Closed Lost"))
        if len(bundle) >= a_bundle * 3:
            yield bundle
            bundle = []
    if bundle:
        yield bundle
