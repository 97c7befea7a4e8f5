"""Leads for the tests of capture's domain."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from services.capture.domain.facts import facts_of, stamp_of
from services.capture.domain.hygiene import CleanSubmission, read_submission
from services.capture.domain.view import lead_view

RECEIVED: Final = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)


def clean(fields: dict[str, Any]) -> CleanSubmission:
    """The clean submission of fields that must be accepted."""
    found = read_submission(json.dumps(fields).encode())
    assert isinstance(found, CleanSubmission), found
    return found


def lead(fields: dict[str, Any]) -> dict[str, Any]:
    """The lead that has only this submission."""
    return lead_view(facts_of(clean(fields), stamp_of(RECEIVED, "record-1"), source_name="web"), "lead-1")
