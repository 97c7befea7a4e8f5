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
