"""Why a lead is in a segment, or is not: each condition with its own verdict, never with the lead's values."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.scoring.domain.wording import say_condition
from services.scoring.segments.domain.membership import CompiledSegments, Found, Known, find_segments
from shared.contracts.envelope import rfc3339


def explain_segments(
    known: Known, first_seen: datetime | None, rules: CompiledSegments, *, members: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    """Every segment of the rules with `member`, since when, what is met and what is missing; the interest; when the lead
    is looked at next although nothing happens to it."""
    found = find_segments(known, first_seen, rules, now=now)
    segments = [
        {
            "segment": each.rule.id,
            "member": each.rule.id in found.segments,
            "since": members.get(each.rule.id),
            "met": [say_condition(verdict) for verdict in told.matched],
            "missing": [say_condition(verdict) for verdict in told.failed],
        }
        for each in rules.explained
        for told in [each.explain(found.facts)]
    ]
    look_at = None if found.look_at is None else rfc3339(found.look_at)
    return {"interest": _interest(found), "segments": segments, "look_at": look_at}


def _interest(found: Found) -> dict[str, Any] | None:
    said = found.interest
    if said is None:
        return None
    resume_at = None if said.resume_at is None else rfc3339(said.resume_at)
    return {"class": said.interest, "reason": said.reason, "resume_at": resume_at, "stated": said.stated}
