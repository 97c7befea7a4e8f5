"""Commands to capture, for tests."""

from shared.contracts import ids
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.handling.records import Record
from tests.support.capture import record


def merge(offset: int, winner: str, loser: str, kind: str = "lead.merge", reason: str = "the same person") -> Record:
    """A command to join two leads; of another `kind`, with the same value."""
    value = {"winner_id": winner, "loser_id": loser, "lead_id": winner, "reason": reason}
    return record(
        offset,
        value,
        source="api",
        topic=CAPTURE_COMMANDS,
        record_type=kind,
        subject=ids.derive(ids.COMMANDS, str(offset)),
    )


def erase(
    offset: int, *lead_ids: str, reason: str = "person_request", kind: str = "lead.erase", **more: object
) -> Record:
    """A command to erase leads; of another `kind`, with the same value."""
    lead_id, *also = lead_ids or ("",)
    value = {"lead_id": lead_id, "also": also, "reason": reason, "requested_by": "tests", **more}
    return record(
        offset,
        value,
        source="api",
        topic=CAPTURE_COMMANDS,
        record_type=kind,
        subject=ids.derive(ids.COMMANDS, str(offset)),
    )


def order(offset: int, kind: str, **value: str | None) -> Record:
    """Any command to capture."""
    return record(
        offset,
        value,
        source="api",
        topic=CAPTURE_COMMANDS,
        record_type=kind,
        subject=ids.derive(ids.COMMANDS, str(offset)),
    )
