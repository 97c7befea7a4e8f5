"""Replays: what each record tells of one goes to its row, and what is parked becomes the command that takes it again."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from services.reporting.domain.replays import ReplaySaid
from services.reporting.domain.rows import ReplayRow, Rows
from shared.contracts.commands.capture import DAMAGE_HEADER
from shared.contracts.commands.replay import ReplayRecord
from shared.contracts.envelope import JSON
from shared.contracts.ids import is_id
from shared.contracts.topics import CAPTURE_COMMANDS, COMMAND_TOPICS, INBOUND, INBOUND_BULK
from shared.handling.originals import MAX_VALUE_BYTES, pack_original
from shared.handling.records import Record
from shared.messaging.commands import command_id_of
from shared.messaging.dead_letters import EDITED, VALUE_BYTES
from shared.messaging.rereading import Reread

# The reason of what was held in quarantine and rejected there.
_BY_PEOPLE: Final = "spam"
_SERVICE_OF: Final = {topic: service for service, topic in COMMAND_TOPICS.items()}


class HeldLetter(NamedTuple):
    """A parked record with all that is kept of it. `all_headers` is None for one of before they were kept. Of what was
    refused nothing is: key, value, headers and Kafka's timestamp are the original's, read again, or None."""

    row: Mapping[str, Any]
    parked_at: datetime
    key: bytes | None
    value: bytes | None
    all_headers: str | None
    timestamp: int | None = None


class Wanted(NamedTuple):
    """What somebody asks of a letter; `value` is the edited one, or None."""

    requested_by: str
    note: str = ""
    run_id: str | None = None
    value: bytes | None = None


class NotReplayable(NamedTuple):
    """Why a parked record is not taken again."""

    code: str
    detail: str


def note_replay(record: Record, said: ReplaySaid, at: datetime, rows: Rows) -> None:
    """Put what a record tells of a replay into the rows."""
    request = said.status is None
    if said.place is not None and record.topic == CAPTURE_COMMANDS and said.topic in (INBOUND, INBOUND_BULK):
        rows.replayed_places.append(said.place)
    subject = record.subject if is_id(record.subject) else None
    rows.replayed(
        ReplayRow(
            subject or command_id_of(record),
            said.run_id,
            said.parked_id,
            said.first_id,
            _SERVICE_OF.get(record.topic) if request else said.service,
            said.requested_by,
            said.note,
            said.edited,
            at if request else None,
            said.status,
            said.outcome,
            said.reason,
            None if request else at,
            None if said.result is None else orjson.dumps(said.result).decode(),
        )
    )


def replay_command(letter: HeldLetter, wanted: Wanted) -> ReplayRecord | NotReplayable:
    """The command for the service that failed, or why there is none. The original's id, time and headers stay."""
    row = letter.row
    refusal = _why_not(letter, edited=wanted.value is not None)
    if refusal is not None:
        return refusal
    value = letter.value if wanted.value is None else wanted.value
    edited = wanted.value is not None or EDITED in row["headers"]  # an edited one that failed again
    if value is not None and len(value) > MAX_VALUE_BYTES:
        return NotReplayable("too_large", f"A value has at most {MAX_VALUE_BYTES} bytes.")
    original = pack_original(
        topic=row["topic"],
        topic_id=row["topic_id"],
        partition=row["partition"],
        offset=row["offset"],
        timestamp=_timestamp(letter),
        key=letter.key,
        value=value,
        headers=_undamaged(headers_of(letter)) if edited else headers_of(letter),
    )
    return ReplayRecord(
        dead_letter_id=row["id"],
        first_id=row["replay_of"] or row["id"],
        attempt=(row["attempt"] or 0) + 1,
        run_id=wanted.run_id,
        requested_by=wanted.requested_by,
        note=wanted.note,
        edited=edited,
        group=row["headers"].get("dlq-group"),
        record=original,
    )


def with_original(letter: HeldLetter, original: Reread) -> HeldLetter:
    """A refused submission with the record that was refused."""
    return letter._replace(
        row={**letter.row, "topic": original.topic},
        key=original.key,
        value=original.value,
        all_headers=packed_headers(original.headers),
        timestamp=original.timestamp,
    )


def _why_not(letter: HeldLetter, *, edited: bool) -> NotReplayable | None:
    row = letter.row
    if row["kind"] == "rejected" and row["reason"] == _BY_PEOPLE:
        return NotReplayable("not_replayable", "Somebody rejected it in quarantine, which is final.")
    if row["kind"] == "rejected" and letter.timestamp is None:
        detail = (
            "Kafka does not hold the submission any more, and with it its id and time: correct it and send it anew."
        )
        return NotReplayable("original_gone", detail)
    if row["headers"].get("ce_type") == ReplayRecord.TYPE:
        return NotReplayable("not_replayable", "It is a replay itself: replay the dead letter that it was about.")
    if row["service"] not in COMMAND_TOPICS or None in (row["topic_id"], row["partition"], row["offset"]):
        return NotReplayable("not_replayable", "The letter does not say which service failed, or where it came from.")
    if VALUE_BYTES in row["headers"] and not edited:
        return NotReplayable("value_cut", "The value was too long to be kept whole; replay it with the whole one.")
    return None


def _timestamp(letter: HeldLetter) -> int:
    if letter.timestamp is not None:
        return letter.timestamp
    said = letter.row["headers"].get("dlq-original-timestamp", "")
    return int(said) if said.isdecimal() and len(said) < 16 else int(letter.parked_at.timestamp() * 1000)


def _undamaged(headers: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Without what the sender said of a damage that is mended: the value is what the source's format wants, as JSON."""
    if all(name != DAMAGE_HEADER for name, _ in headers):
        return headers
    kept = [pair for pair in headers if pair[0] not in (DAMAGE_HEADER, "content-type")]
    return [*kept, ("content-type", JSON)]


def packed_headers(headers: Iterable[tuple[str, bytes | None]]) -> str:
    """Headers as they are kept: those of ours that tell of a failure are left out."""
    kept = [(name, held) for name, held in headers if held is not None and not name.startswith("dlq-")]
    return orjson.dumps([(name, b64encode(held).decode()) for name, held in kept]).decode()


def headers_of(letter: HeldLetter) -> list[tuple[str, bytes]]:
    """As they came; of a letter of before they were kept, those that were."""
    if letter.all_headers is not None:
        return [(name, b64decode(held)) for name, held in orjson.loads(letter.all_headers)]
    row = letter.row
    kept = {name: held for name, held in row["headers"].items() if not name.startswith("dlq-")}
    kept |= {"ce_source": row["source"]} if row["source"] else {}
    return [(name, held.encode()) for name, held in kept.items()]
