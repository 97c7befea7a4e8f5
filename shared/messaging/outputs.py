"""From outcomes to records to produce: events keep key and partition, dead letters keep the record as it came."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from shared.contracts.topics import TOPICS, dead_letter_topic, partition_for
from shared.handling.outcomes import Outcome, OutEvent, Produced, Rejected, Skipped
from shared.handling.records import Record
from shared.messaging.dead_letters import dead_letter_headers, dead_letter_partition, held_value
from shared.messaging.names import Names
from shared.messaging.settling import Settled
from shared.messaging.transaction import Output
from shared.observability import metrics

_new: Final = tuple.__new__  # a third of the time of a named tuple's own way
_SPINE: Final = frozenset(topic.name for topic in TOPICS.values() if topic.spine)


class _Topic(NamedTuple):
    """A topic's name in the cluster, its partitions, and whether they are the leads' own."""

    name: str
    partitions: int
    spine: bool


@dataclass(frozen=True, slots=True)
class Outputs:
    """Builds the records that a service produces. `partitions` counts each topic's, as created."""

    service: str
    version: str
    names: Names
    partitions: Mapping[str, int]
    _known: "dict[str, _Topic]" = field(default_factory=dict, init=False)

    def of(self, settled: Sequence[Settled], group: str) -> list[Output]:
        """The records of a batch, in the order of what caused them."""
        outputs: list[Output] = []
        for record, outcome in settled:
            if isinstance(outcome, Produced):
                outputs += [self._event(event, record) for event in outcome.events]
                outputs += [
                    self._dead_letter(each.record, each.why, each.group or group, each.marks)
                    for each in outcome.letters
                ]
            elif isinstance(outcome, Rejected):
                outputs.append(self._dead_letter(record, outcome, group))
        return outputs

    def _event(self, event: OutEvent, cause: Record) -> Output:
        topic = self._topic(event.topic)
        partition = event.partition
        if partition is None:
            kept = event.key == cause.key and topic.spine and cause.topic in _SPINE
            partition = (
                cause.partition
                if kept and cause.partition < topic.partitions
                else partition_for(event.key, topic.partitions)
            )
        return _new(Output, (topic.name, partition, event.key, event.data, event.envelope.headers()))

    def _topic(self, name: str) -> "_Topic":
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = _Topic(self.names.topic(name), self.partitions[name], TOPICS[name].spine)
        return known

    def _dead_letter(self, record: Record, why: Rejected, group: str, marks: Sequence[tuple[str, str]] = ()) -> Output:
        topic = dead_letter_topic(self.service)
        return Output(
            self.names.topic(topic),
            dead_letter_partition(record, self.partitions[topic]),
            record.key,
            held_value(record),
            dead_letter_headers(record, why, group, self.version, marks),
        )


def count(settled: Sequence[Settled], outputs: Sequence[Output], group: str) -> None:
    """Count what a committed batch did."""
    tally = Counter([(record.topic, _name(outcome)) for record, outcome in settled])
    for (topic, outcome), n in tally.items():
        metrics.RECORDS.labels(group=group, topic=topic, outcome=outcome).inc(n)
    for record, why in _dead_letters(settled):
        metrics.DEAD_LETTERS.labels(group=group, topic=record.topic, reason=why.reason).inc()
    for topic, n in Counter([output.topic for output in outputs]).items():
        metrics.EVENTS_PUBLISHED.labels(topic=topic).inc(n)


def _dead_letters(settled: Sequence[Settled]) -> Iterator[tuple[Record, Rejected]]:
    for record, outcome in settled:
        if isinstance(outcome, Rejected):
            yield record, outcome
        elif isinstance(outcome, Produced) and outcome.letters:
            yield from ((letter.record, letter.why) for letter in outcome.letters)


def _name(outcome: Outcome | None) -> str:
    if isinstance(outcome, Produced):
        return outcome.outcome
    if isinstance(outcome, Skipped):
        return outcome.reason
    return "published_before" if outcome is None else "dead_lettered"
