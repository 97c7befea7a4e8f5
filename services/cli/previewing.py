"""The preview by the rules that are live now, as far as the services tell them; else by those that are shipped."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from services.preview import LeadPreview, RuleDocument
from services.routing.domain.roster import Member
from services.routing.rules_kind import KIND as ASSIGNMENT
from services.routing.seed import MEMBERS, QUEUE, RULES_FILE
from services.scoring.rules_kind import KIND as SCORING
from services.scoring.seed import DEFAULT_MODEL
from shared.rules import RuleFileError

_TIMEOUT_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class NotedPreview:
    """A preview, and which rules it uses, in words."""

    leads: LeadPreview
    notes: Sequence[str]

    def of(self, lead: Mapping[str, Any]) -> dict[str, Any]:
        """Score, owner or queue, and why."""
        return self.leads.of(lead)


def active_preview() -> NotedPreview:
    """Scoring and assignment as they are live; never raises, and says where it falls back to what is shipped."""
    scoring, about_scoring = _document("scoring", SCORING, DEFAULT_MODEL)
    assignment, about_assignment = _document("routing", ASSIGNMENT, RULES_FILE)
    members, about_members = _members()
    notes = [about_scoring, about_assignment, *about_members]
    try:
        return NotedPreview(LeadPreview(scoring, assignment, members), notes)
    except RuleFileError:
        shipped = LeadPreview(_shipped(DEFAULT_MODEL), _shipped(RULES_FILE), members)
        return NotedPreview(
            shipped, ["the live rules are of another release: the shipped ones are used", *about_members]
        )


def _document(service: str, kind: str, default: Path) -> tuple[RuleDocument, str]:
    live = ask_service(service, f"/v1/rules/{kind}/versions/live")
    if live is None:
        return _shipped(default), f"{kind} rules: the shipped defaults, for {service} could not be asked"
    return RuleDocument(live["document"], live["version"]), f"{kind} rules: version {live['version']}"


def _shipped(file: Path) -> RuleDocument:
    return RuleDocument(file.read_text(encoding="utf-8"), 0)


def _members() -> tuple[list[Member], list[str]]:
    answer = ask_service("routing", "/v1/members")
    if answer is None:
        return [Member(member_id, True, (QUEUE,)) for member_id, _ in MEMBERS], [
            "members: those of a fresh installation"
        ]
    return [Member(row["member_id"], row["active"], tuple(row["queues"])) for row in answer["items"]], []


def ask_service(service: str, path: str) -> dict[str, Any] | None:
    """A service's answer; None where there is none."""
    url, key = os.environ.get(f"LEADSTREAM_{service.upper()}_URL"), os.environ.get("LEADSTREAM_ADMIN_KEY")
    if not url or not key:
        return None
    try:
        response = httpx.get(f"{url}{path}", headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_S)
        answer = response.json() if response.is_success else None
    except (httpx.HTTPError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None
