"""What becomes of a record: values that handlers return, and that the chassis stores and publishes."""

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from shared.contracts import ids
from shared.contracts.envelope import Envelope
from shared.handling.records import Record


class OutEvent(NamedTuple):
    """An event to publish: where, under which key, and the JSON bytes of its data."""

    topic: str
    key: bytes
    envelope: Envelope
    data: bytes
    partition: int | None = None


class Decision(NamedTuple):
    """What was decided for an event, as stored. `decided_at` is the `ce_time` of what goes out, also when it goes
    out again later. `detail` is what the service needs to publish again; never more than it must."""

    outcome: str
    subject: str | None
    reason: str | None
    detail: dict[str, Any] | None
    decided_at: str
    fingerprint: int = 0


class InHand(NamedTuple):
    """A record to handle. `event` is the validated contract, or None where the subscription names no contract.
    `decision` is set on a redelivery: decide nothing anew, publish again from the newest stored state."""

    record: Record
    event: Any
    decision: Decision | None = None


class Rejected(NamedTuple):
    """The record cannot be processed: it goes to the dead letters with this reason. `place` names a field or line,
    never a value."""

    reason: str
    place: str = ""
    exception: str = ""
    attempts: int = 1


class Letter(NamedTuple):
    """A dead letter of a record that came inside another one: a replay that failed again. `marks` are headers beside
    the usual ones, that link it to the first letter; `group` is the consumer group that failed at first, where it is known."""

    record: Record
    why: Rejected
    marks: tuple[tuple[str, str], ...]
    group: str | None = None


class Produced(NamedTuple):
    """The record was applied. `fingerprint` is a 63-bit digest of its content, where another body under the same event
    id must be noticed."""

    outcome: str
    events: tuple[OutEvent, ...] = ()
    subject: str | None = None
    reason: str | None = None
    detail: dict[str, Any] | None = None
    fingerprint: int = 0
    letters: tuple[Letter, ...] = ()


class Skipped(NamedTuple):
    """The record was understood and changes nothing."""

    reason: str
    subject: str | None = None
    detail: dict[str, Any] | None = None


Outcome: TypeAlias = Produced | Skipped | Rejected

REPEATED_EVENT: Final = "repeated_event"
DEAD_LETTERED: Final = "dead_lettered"
REJECTED: Final = "rejected"
SKIPPED: Final = "skipped"


@dataclass(frozen=True, slots=True)
class Stage:
    """A service as the author of events: its name and where its events say they come from."""

    name: str
    source: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", f"leadstream/{self.name}")

    def event(
        self,
        cause: Record,
        event_type: str,
        *,
        topic: str,
        key: str,
        data: bytes,
        time: str,
        subject: str | None = None,
        discriminator: str = "",
        event_id: str | None = None,
    ) -> OutEvent:
        """The event that this stage makes of `cause`. The same cause gives the same event id."""
        about = subject if subject is not None else key
        made = event_id or ids.derived_event_id(self.name, cause.event_id, event_type, about, discriminator)
        envelope = Envelope._make((made, event_type, self.source, about, time, cause.traceparent))
        return OutEvent._make((topic, key.encode(), envelope, data, None))

    def event_id(self, cause: Record, event_type: str, subject: str, discriminator: str = "") -> str:
        """The id that an event of this stage gets, for data that names its own event."""
        return ids.derived_event_id(self.name, cause.event_id, event_type, subject, discriminator)
