"""What a read_committed reader has seen so far, folded record by record into what the oracle asks for."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from shared.contracts.topics import (
    CAPTURED,
    CHANGED,
    CONVERTED,
    INBOUND,
    INBOUND_BULK,
    RECEIPTS_SETTLED,
    REJECTED,
    ROUTED,
    SCORED,
    SERVICES,
    dead_letter_topic,
)

INTAKE: Final = (INBOUND, INBOUND_BULK)
OUTPUTS: Final = (CAPTURED, REJECTED, RECEIPTS_SETTLED, SCORED, ROUTED, CONVERTED, CHANGED)
DEAD: Final = tuple(dead_letter_topic(service) for service in SERVICES)
WATCHED: Final = (*INTAKE, *OUTPUTS, *DEAD)

_OUTCOMES: Final = frozenset({CAPTURED, REJECTED, RECEIPTS_SETTLED})
_VERSIONS: Final = {
    CAPTURED: ("lead_version",),
    SCORED: ("lead_version", "score_version"),
    ROUTED: ("lead_version", "score_version", "assignment_version"),
    CHANGED: ("opportunity_version",),
}

_EXAMPLES: Final = 3
# Events of these topics that carry no newest state of their subject.
_BESIDE: Final = frozenset({b"readiness.changed"})


class Place(NamedTuple):
    """Coordinates of a received record."""

    topic: str
    partition: int
    offset: int


class Seen(NamedTuple):
    """A record as it was read; `topic` is the register's name."""

    topic: str
    partition: int
    offset: int
    headers: Mapping[str, bytes]
    value: bytes | None


@dataclass(slots=True)
class Evidence:
    """Folded records. `versions` holds the newest parts by topic and subject, `backwards` where they went back."""

    received: dict[Place, str] = field(default_factory=dict)
    outcomes: Counter[Place] = field(default_factory=Counter)
    lead_of: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    versions: dict[str, dict[str, tuple[int, ...]]] = field(default_factory=lambda: {topic: {} for topic in _VERSIONS})
    converted: Counter[str] = field(default_factory=Counter)
    opportunities: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    repeated_at: list[str] = field(default_factory=list)
    backwards: list[str] = field(default_factory=list)
    _event_ids: defaultdict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    _names: dict[str, str] = field(default_factory=dict)

    def add(self, record: Seen) -> None:
        """Fold one record."""
        self.records[record.topic] += 1
        if record.topic in INTAKE:
            place = Place(record.topic, record.partition, record.offset)
            self.received[place] = record.headers.get("ce_id", b"").decode(errors="replace")
        elif record.topic in DEAD:
            self._add_dead(record)
        else:
            self._add_event(record, orjson.loads(record.value or b"{}"))

    def _add_dead(self, record: Seen) -> None:
        names = {name: value.decode(errors="replace") for name, value in record.headers.items()}
        self.dead[f"{record.topic}: {names.get('dlq-reason', 'no reason')}"] += 1
        topic = names.get("dlq-original-topic", "")
        if topic in INTAKE:
            self.outcomes[Place(topic, int(names["dlq-original-partition"]), int(names["dlq-original-offset"]))] += 1

    def _add_event(self, record: Seen, event: dict[str, Any]) -> None:
        self._once(record)
        if record.topic in _OUTCOMES and (inbound := event["origin"].get("inbound")):
            self.outcomes[Place(inbound["topic"], inbound["partition"], inbound["offset"])] += 1
        if record.topic == CAPTURED:
            for external_id in event["lead"]["external_ids"]:  # "source:own id"
                self.lead_of[external_id.partition(":")[2]].add(event["lead"]["lead_id"])
        if record.topic == CONVERTED:
            self.converted[event["lead_id"]] += 1
            self.opportunities[event["opportunity_id"]] += 1
        if record.topic in _VERSIONS and record.headers.get("ce_type") not in _BESIDE:
            self._order(record, event)

    def _once(self, record: Seen) -> None:
        known = self._event_ids[record.topic]
        event_id = hash(record.headers.get("ce_id", b""))  # 64 bits of it: a soak sees millions
        if event_id not in known:
            known[event_id] = record.offset
            return
        self.repeated[record.topic] += 1
        if len(self.repeated_at) < _EXAMPLES:
            self.repeated_at.append(f"{record.topic}-{record.partition}: {known[event_id]} again at {record.offset}")

    def _order(self, record: Seen, event: dict[str, Any]) -> None:
        subject = event["opportunity_id"] if record.topic == CHANGED else event["lead"]["lead_id"]
        version = tuple(event[name] for name in _VERSIONS[record.topic])
        subject = self._names.setdefault(subject, subject)
        known = self.versions[record.topic]
        before = known.get(subject, version)
        if any(new < old for new, old in zip(version, before, strict=True)):
            self.backwards.append(f"{record.topic} {subject}: {before} then {version}")
        known[subject] = version if version >= before else before

    def behind(self, topic: str, excused: frozenset[str] = frozenset()) -> Sequence[str]:
        """Leads whose newest captured version has not come out on `topic`."""
        there = self.versions[topic]
        return [
            lead
            for lead, version in self.versions[CAPTURED].items()
            if (lead not in there or there[lead][0] < version[0]) and lead not in excused
        ]
