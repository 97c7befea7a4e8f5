"""Rows of `behaviours` as values."""

from typing import Any, Final

from services.capture.behaviour_ports import Kept

READ: Final = """
    SELECT event_id::text, occurred_us, received_ms, replace(waits_for::text, '-', '') AS waits_for, lead_id::text,
           settled_by::text, linked_by::text, replace(visitor::text, '-', '') AS visitor,
           replace(message::text, '-', '') AS message, matched_by, body, context, tells
    FROM behaviours
"""


def kept_of(row: Any) -> Kept:
    """A row of READ."""
    return Kept._make(row.values())
