"""From outcomes to records to produce: events keep key and partition, dead letters keep the record as it came."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.contracts.topics import TOPICS, dead_letter_topic, partition_for
from shared.handling.outcomes import OutEvent, Produced, Rejected, Skipped
from shared.handling.records import Record
from shared.messaging.dead_letters import dead_letter_headers, dead_letter_partition, held_value
from shared.messaging.names import Names
from shared.messaging.settling import Settled
from shared.messaging.transaction import Output
from shared.observability import metrics


@dataclass(frozen=True, slots=True)
class Outputs:
    """Builds the records that a service produces. `partitions` counts each topic's, as created."""

    service: str
    version: str
    names: Names
    partitions: Mapping[str, int]

    def of(self, settled: Sequence[Settled], group: str) -> list[Output]:
        """The records of a batch, in the order of what caused them."""
        outputs: list[Output] = []
        for item in settled:
            match item.outcome:
                case Produced(events=events, letters=letters):
                    outputs.extend(self._event(event, item.record) for event in events)
                    outputs.extend(self._dead_letter(each.record, each.why, group, each.marks) for each in letters)
                case Rejected():
                    outputs.append(self._dead_letter(item.record, item.outcome, group))
                case Skipped() | None:
                    pass
        return outputs

    def _event(self, event: OutEvent, cause: Record) -> Output:
        count_of = self.partitions[event.topic]
        partition = event.partition
        if partition is None:
            kept = event.key == cause.key and TOPICS[event.topic].spine and _on_spine(cause.topic)
            partition = cause.partition if kept and cause.partition < count_of else partition_for(event.key, count_of)
        return Output(self.names.topic(event.topic), partition, event.key, event.data, event.envelope.headers())

    def _dead_letter(self, record: Record, why: Rejected, group: str, marks: Sequence[tuple[str, str]] = ()) -> Output:
        topic = dead_letter_topic(self.service)
        return Output(
            self.names.topic(topic),
            dead_letter_partition(record, self.partitions[topic]),
            record.key,
            held_value(record),
            dead_letter_headers(record, why, group, self.version, marks),
        )


def _on_spine(topic: str) -> bool:
    registered = TOPICS.get(topic)
    return registered is not None and registered.spine


def count(settled: Sequence[Settled], outputs: Sequence[Output], group: str) -> None:
    """Count what a committed batch did."""
    tally = Counter((item.record.topic, _name(item)) for item in settled)
    for (topic, outcome), n in tally.items():
        metrics.RECORDS.labels(group=group, topic=topic, outcome=outcome).inc(n)
    for record, why in _dead_letters(settled):
        metrics.DEAD_LETTERS.labels(group=group, topic=record.topic, reason=why.reason).inc()
    for topic, n in Counter(output.topic for output in outputs).items():
        metrics.EVENTS_PUBLISHED.labels(topic=topic).inc(n)


def _dead_letters(settled: Sequence[Settled]) -> Iterator[tuple[Record, Rejected]]:
    for item in settled:
        if isinstance(item.outcome, Rejected):
            yield item.record, item.outcome
        elif isinstance(item.outcome, Produced):
            yield from ((letter.record, letter.why) for letter in item.outcome.letters)


def _name(item: Settled) -> str:
    match item.outcome:
        case Produced(outcome=outcome):
            return outcome
        case Skipped(reason=reason):
            return reason
        case Rejected():
            return "dead_lettered"
        case None:
            return "published_before"
