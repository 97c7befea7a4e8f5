"""The command that every service obeys: take a record again that it could not process."""

from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Contract


class OriginalRecord(Contract):
    """A record as it came, with the coordinates that it came from. Bytes are base64."""

    topic: str
    topic_id: str
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
    timestamp: int = Field(description="Kafka's timestamp of the original, milliseconds since 1970")
    key: str | None = None
    value: str | None = None
    deflated: bool = Field(False, description="The value was compressed (zlib) before it became base64")
    headers: list[tuple[str, str]] = []


class ReplayRecord(Contract):
    """Take a dead letter's record again, under its original id and time. However often it comes, it applies once."""

    TYPE: ClassVar[str] = "record.replay"

    dead_letter_id: str
    first_id: str = Field(description="The first dead letter of this record; the same as `dead_letter_id` at first")
    attempt: int = Field(1, ge=1, description="Which replay of the record this is, counted along the failures")
    run_id: str | None = Field(None, description="What is replayed together has the same")
    requested_by: str = Field(description="The key that asked for it")
    note: str = ""
    edited: bool = Field(False, description="Somebody changed the value; id, time and headers are the original's")
    group: str | None = Field(None, description="The consumer group that failed")
    record: OriginalRecord
