"""The topic register: every topic once, with who owns it, what it carries, and how long.

Topic creation, AsyncAPI, the Strimzi manifests and the table in the docs are generated from here; nothing else names
a topic's settings.
"""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from zlib import crc32

SPINE_PARTITIONS: Final = 12
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `spine` topics share one partition count, so that a stage can keep a record's partition."""

    name: str
    owner: str
    event_types: tuple[str, ...]
    key: str
    purpose: str
    spine: bool = True
    partitions: int = SPINE_PARTITIONS
    retention_ms: int | None = 14 * DAY_MS
    compacted: bool = False
    log_append_time: bool = False
    personal: bool = True
    consumers: tuple[str, ...] = ()
    extra: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def partition_count(self, spine_partitions: int) -> int:
        """Partitions to create, given what the deployment chose for the spine."""
        return spine_partitions if self.spine else self.partitions

    def settings(self) -> dict[str, str]:
        """Kafka topic settings. Segments roll daily where data is personal, else a quiet one outlives its retention."""
        wanted = {"cleanup.policy": "compact" if self.compacted else "delete", "max.message.bytes": "1572864"}
        if self.retention_ms is not None and not self.compacted:
            wanted["retention.ms"] = str(self.retention_ms)
        if self.retention_ms is None and not self.compacted:
            wanted["retention.ms"] = "-1"
        if self.personal:
            wanted["segment.ms"] = str(DAY_MS)
        if self.compacted:
            wanted["max.compaction.lag.ms"] = str(7 * DAY_MS)
        if self.log_append_time:
            wanted["message.timestamp.type"] = "LogAppendTime"
        return {**wanted, **self.extra}


INBOUND: Final = "leads.inbound.v1"
INBOUND_BULK: Final = "leads.inbound.bulk.v1"
CAPTURED: Final = "leads.captured.v1"
REJECTED: Final = "leads.rejected.v1"
RECEIPTS_SETTLED: Final = "receipts.settled.v1"
SCORED: Final = "leads.scored.v1"
ROUTED: Final = "leads.routed.v1"
CONVERTED: Final = "opportunities.converted.v1"
CHANGED: Final = "opportunities.changed.v1"
MERGED: Final = "leads.merged.v1"
ERASED: Final = "leads.erased.v1"
EVENTS_INBOUND: Final = "events.inbound.v1"
LEAD_EVENTS: Final = "leads.events.v1"
JOURNEYS: Final = "leads.journeys.v1"
RULES_PUBLISHED: Final = "rules.published.v1"
ACCESS_GRANTED: Final = "access.granted.v1"
COMMANDS_COMPLETED: Final = "commands.completed.v1"
CAPTURE_COMMANDS: Final = "capture.commands.v1"
SCORING_COMMANDS: Final = "scoring.commands.v1"
ROUTING_COMMANDS: Final = "routing.commands.v1"
SALES_COMMANDS: Final = "sales.commands.v1"
REPORTING_COMMANDS: Final = "reporting.commands.v1"

SERVICES: Final = ("capture", "scoring", "routing", "conversion", "reporting")
COMMAND_TOPICS: Final = MappingProxyType(
    {
        "capture": CAPTURE_COMMANDS,
        "scoring": SCORING_COMMANDS,
        "routing": ROUTING_COMMANDS,
        "conversion": SALES_COMMANDS,
        "reporting": REPORTING_COMMANDS,
    }
)


def dead_letter_topic(service: str) -> str:
    """Where the records go that `service` could not process."""
    return f"{service}.dead-letters.v1"


def _command_topics() -> tuple[Topic, ...]:
    return tuple(
        Topic(
            name,
            owner=", ".join(_SENDERS[service]),
            event_types=_COMMAND_TYPES[service],
            key="what the command changes",
            purpose=f"the one way to change {service}'s state",
            spine=False,
            partitions=6,
            consumers=(service, "reporting") if service != "reporting" else ("reporting",),
        )
        for service, name in COMMAND_TOPICS.items()
    )


def _dead_letter_topics() -> tuple[Topic, ...]:
    return tuple(
        Topic(
            dead_letter_topic(service),
            owner=service,
            event_types=("*",),
            key="the original record's key",
            purpose=f"records that {service} could not process, as they came, with the reason in dlq-* headers",
            spine=False,
            partitions=3,
            consumers=("reporting",) if service != "reporting" else (),
        )
        for service in SERVICES
    )


# Who writes commands to a service: itself, for its routes and timers; reporting replays; routing has junk erased.
_SENDERS: Final[dict[str, tuple[str, ...]]] = {
    "capture": ("capture", "routing", "reporting"),
    "scoring": ("scoring", "reporting"),
    "routing": ("routing", "reporting"),
    "conversion": ("conversion", "reporting"),
    "reporting": ("reporting",),
}
_COMMAND_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "capture": (
        "lead.merge",
        "lead.unmerge",
        "duplicate.merge",
        "duplicate.keep",
        "lead.erase",
        "lead.export",
        "lead.fetch",
        "lead.withdraw",
        "lead.mark",
        "lead.promote",
        "consent.record",
        "rules.publish",
        "target_list.set",
        "targets.expire",
        "hygiene.due",
        "hygiene.run",
        "hygiene.check",
        "quarantine.release",
        "quarantine.reject",
        "record.replay",
        "behaviour.stitch",
        "visitor.unlink",
        "behaviour.reclassify",
    ),
    "scoring": (
        "rules.publish",
        "rules.shadow",
        "score.turn",
        "interest.state",
        "interest.resume",
        "segments.recount",
        "segments.recount_due",
        "segments.looks_due",
        "segments.look",
        "journey.step_due",
        "journey.enrol_due",
        "record.replay",
    ),
    "routing": ("rules.publish", "member.set", "lead.reassign", "lead.set_status", "junk.purge", "record.replay"),
    "conversion": ("lead.convert", "rules.publish", "opportunity.change", "opportunity.redact", "record.replay"),
    "reporting": ("access.grant", "access.revoke", "record.replay"),
}

_ALL_SERVICES: Final = SERVICES

_REGISTERED: Final[tuple[Topic, ...]] = (
    Topic(
        INBOUND,
        "capture",
        ("lead.submitted",),
        "source's own id of the lead",
        "raw submissions, live",
        log_append_time=True,
        consumers=("capture", "reporting"),
    ),
    Topic(
        INBOUND_BULK,
        "capture",
        ("lead.submitted",),
        "source's own id of the lead",
        "raw submissions of imports and backfills",
        log_append_time=True,
        consumers=("capture", "reporting"),
    ),
    Topic(
        CAPTURED,
        "capture",
        ("lead.captured", "lead.changed"),
        "lead_id",
        "normalised, deduplicated leads, and what else becomes known of them",
        consumers=("scoring", "reporting"),
    ),
    Topic(
        REJECTED,
        "capture",
        ("lead.rejected",),
        "the inbound record's key",
        "submissions understood and refused, with field and reason",
        consumers=("reporting",),
    ),
    Topic(
        RECEIPTS_SETTLED,
        "capture",
        ("receipt.settled", "behaviour.settled"),
        "receipt_id",
        "outcomes that have no event of their own: repeated, quarantined, test; of behaviour also anonymous, rejected",
        consumers=("reporting",),
        personal=False,
    ),
    Topic(
        SCORED,
        "scoring",
        ("lead.scored", "readiness.changed"),
        "lead_id",
        "leads with their score and why; who became sales-ready, or is so no more",
        consumers=("scoring", "routing", "reporting"),
    ),
    Topic(
        ROUTED,
        "routing",
        ("lead.routed",),
        "lead_id",
        "leads with their owner or queue and why",
        consumers=("conversion", "reporting"),
    ),
    Topic(
        CONVERTED,
        "conversion",
        ("opportunity.converted", "opportunity.redacted"),
        "opportunity_id",
        "every conversion, once; a new consumer reads all of them from offset 0",
        compacted=True,
        retention_ms=None,
        consumers=("capture", "scoring", "reporting", "downstream systems"),
    ),
    Topic(
        CHANGED,
        "conversion",
        ("opportunity.changed",),
        "opportunity_id",
        "changes of stage, amount, owner of an opportunity",
        personal=False,
        consumers=("reporting", "downstream systems"),
    ),
    Topic(
        MERGED,
        "capture",
        ("lead.merged", "lead.unmerged"),
        "the winner's lead_id; each of the two where a merge is taken back",
        "two leads are one person, or were not after all",
        consumers=("scoring", "routing", "conversion", "reporting"),
    ),
    Topic(
        ERASED,
        "capture",
        ("lead.erased",),
        "lead_id",
        "leads whose personal data must go; kept for ever, holds no personal data",
        retention_ms=None,
        personal=False,
        consumers=("scoring", "routing", "conversion", "reporting"),
    ),
    Topic(
        EVENTS_INBOUND,
        "capture",
        ("behaviour.submitted",),
        "source's own id of the visitor",
        "raw behaviour and engagement",
        log_append_time=True,
        consumers=("capture", "reporting"),
    ),
    Topic(
        LEAD_EVENTS,
        "capture",
        ("lead.behaved", "behaviour.corrected"),
        "lead_id",
        "behaviour stitched to a lead",
        consumers=("scoring", "reporting"),
    ),
    Topic(
        JOURNEYS,
        "scoring",
        ("segment.entered", "segment.exited", "interest.changed", "journey.advanced", "offer.redeemed"),
        "lead_id",
        "segments that leads enter and leave, their interest, steps of nurturing journeys, offers redeemed",
        consumers=("scoring", "reporting"),
    ),
    Topic(
        RULES_PUBLISHED,
        "capture, scoring, routing, conversion",
        ("rules.published",),
        "service and kind of rules",
        "which rules a service applies, and since when",
        spine=False,
        partitions=1,
        retention_ms=None,
        personal=False,
        consumers=("reporting",),
    ),
    Topic(
        ACCESS_GRANTED,
        "reporting",
        ("access.granted", "access.revoked"),
        "key_id",
        "keys and roles, as hashes",
        spine=False,
        partitions=1,
        compacted=True,
        retention_ms=None,
        personal=False,
        consumers=_ALL_SERVICES,
    ),
    Topic(
        COMMANDS_COMPLETED,
        "every service",
        ("command.completed",),
        "command_id",
        "what became of each command",
        spine=False,
        partitions=6,
        personal=False,
        consumers=("reporting",),
    ),
    *_command_topics(),
    *_dead_letter_topics(),
)

TOPICS: Final[MappingProxyType[str, Topic]] = MappingProxyType({topic.name: topic for topic in _REGISTERED})


def partition_for(key: bytes, partitions: int) -> int:
    """The partition of a key that is new at this stage (librdkafka's `consistent`: CRC32 of the key)."""
    return crc32(key) % partitions
