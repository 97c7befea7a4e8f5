"""Replay commands as reporting sends them, for tests that hand them to a service."""

from types import SimpleNamespace

from shared.contracts import ids
from shared.contracts.commands.replay import ReplayRecord
from shared.contracts.envelope import Envelope, Headers
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.handling.originals import pack_original
from shared.handling.records import Record, read_record

FIRST_LETTER = "018f0000-0000-7000-8000-0000000000aa"


def replay_of(
    record: Record, *, value: bytes | None = None, attempt: int = 1, run_id: str | None = None
) -> ReplayRecord:
    """The command that takes a record again; with a value of its own it is an edited one."""
    packed = pack_original(
        topic=record.topic,
        topic_id=record.topic_id,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=record.key,
        value=record.value if value is None else value,
        headers=[(name, held) for name, held in record.headers if held is not None],
    )
    return ReplayRecord(
        dead_letter_id=FIRST_LETTER,
        first_id=FIRST_LETTER,
        attempt=attempt,
        run_id=run_id,
        requested_by="a-key",
        edited=value is not None,
        record=packed,
    )


def replay_headers(n: int | str) -> Headers:
    """The envelope of the n-th replay command."""
    command_id = ids.root_event_id("replay", str(n))
    event_id = ids.root_event_id("replay-event", str(n))
    return Envelope(
        event_id, ReplayRecord.TYPE, "leadstream/reporting/api", command_id, "2026-01-05T10:00:00Z"
    ).headers()


def replay_command(n: int, wanted: ReplayRecord, *, topic: str = CAPTURE_COMMANDS) -> Record:
    """The n-th replay on a command topic, read as the lane reads it."""
    raw = SimpleNamespace(
        partition=0, offset=n, timestamp=1_772_370_000_000, key=b"key", value=wanted.model_dump_json().encode(),
        headers=tuple(replay_headers(n)),
    )  # fmt: skip
    return read_record(raw, topic, "22222222-2222-4333-8444-555555555555", inbound=False)
