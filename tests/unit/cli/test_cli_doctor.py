"""What the doctor makes of a service's own word."""

from typing import Any

import pytest

from services.cli.doctor import judge_health


@pytest.mark.parametrize(
    ("body", "good", "says"),
    [
        ({}, True, "ready, 3 records behind"),
        (
            {"ready": False, "reasons": ["waiting for kafka"], "consumers": ["waiting for kafka"]},
            False,
            "waiting for kafka; do",
        ),
        ({"consumers": ["capture stopped: 20 unexpected errors"]}, False, "capture stopped: 20 unexpected errors; do"),
        ({"ready": False}, False, "not ready; do"),
        (
            {"warnings": ["20 records of leads.scored.v1 were deleted"]},
            False,
            "20 records of leads.scored.v1 were deleted; do",
        ),
    ],
)
def test_a_service_that_is_ready_and_stands_still_is_not_well(body: dict[str, Any], good: bool, says: str) -> None:
    found = judge_health("capture", {"ready": True, "reasons": [], "consumers": [], "lag": 3, **body}, "do")
    assert (found.good, found.says) == (good, says)
