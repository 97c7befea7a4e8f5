"""The score of a company: its leads' scores, brought together.

Each lead counts once, and one that was merged away not at all: what it did counts for its winner, each event once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from services.scoring.domain.parts import AccountScore

ACCOUNT_FIELDS: Final = ("company.domain", "company.name_key")
MOST_LEADS: Final = 500
"""So many leads of a company are brought together, those that were scored last."""
_LONGEST: Final = 200


class Member(NamedTuple):
    """A lead of a company, and its score now."""

    lead_id: str
    score: Mapping[str, Any]


def account_key(facts: Mapping[str, Any]) -> str | None:
    """By what a lead belongs to a company: the company's domain, else its folded name; None where neither is known."""
    company = facts.get("company")
    if not isinstance(company, Mapping):
        return None
    domain, name = company.get("domain"), company.get("name_key")
    if isinstance(domain, str) and domain:
        return f"domain:{domain.lower()[:_LONGEST]}"
    return f"name:{name[:_LONGEST]}" if isinstance(name, str) and name else None


def account_score(members: Sequence[Member], how: AccountScore) -> dict[str, Any]:
    """Both axes of a company with at least one lead, what the range took away, and what each lead brings."""
    raw = {
        "fit": _together(how.fit, [each.score["fit"] for each in members]),
        "engagement": _together(how.engagement, [each.score["engagement"] for each in members]),
    }
    kept = {axis: min(points, how.max) for axis, points in raw.items()}
    return {
        "value": sum(kept.values()),
        **kept,
        "clamp": sum(kept.values()) - sum(raw.values()),
        "combined": {"fit": how.fit, "engagement": how.engagement},
        "leads": [_told(each) for each in members],
    }


def _together(how: str, points: Sequence[int]) -> int:
    if how == "sum":
        return sum(points)
    return max(points) if how == "max" else (2 * sum(points) + len(points)) // (2 * len(points))


def _told(member: Member) -> dict[str, Any]:
    return {"lead_id": member.lead_id, **{name: member.score[name] for name in ("fit", "engagement", "value", "grade")}}
