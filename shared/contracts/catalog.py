"""Every event and command type with its one model; generators, goldens and compatibility tests start here."""

from types import MappingProxyType
from typing import Final

from shared.contracts.base import Contract
from shared.contracts.commands.behaviour import ReclassifyBehaviour, StitchBehaviour, UnlinkVisitor
from shared.contracts.commands.capture import (
    CheckLeads,
    EraseLead,
    ExpireTargets,
    ExportLead,
    FetchLead,
    HygieneDue,
    KeepDuplicate,
    LeadSubmitted,
    MarkLead,
    MergeDuplicate,
    MergeLeads,
    PromoteLead,
    RecordConsent,
    RejectQuarantined,
    ReleaseQuarantined,
    RunHygiene,
    SetTargetList,
    UnmergeLeads,
    WithdrawLead,
)
from shared.contracts.commands.journeys import EnrolDue, StepDue
from shared.contracts.commands.replay import ReplayRecord
from shared.contracts.commands.reporting import GrantAccess, RevokeAccess
from shared.contracts.commands.routing import PurgeJunk, ReassignLead, SetLeadStatus, SetMember
from shared.contracts.commands.rules import PublishRules, ShadowRules
from shared.contracts.commands.sales import ChangeOpportunity, ConvertLead, RedactOpportunity
from shared.contracts.commands.scoring import TurnScore
from shared.contracts.commands.segments import (
    LookAtLead,
    LooksDue,
    RecountDue,
    RecountSegments,
    ResumeInterest,
    StateInterest,
)
from shared.contracts.events.behaviour import (
    BehaviourCorrected,
    BehaviourSettled,
    BehaviourSubmitted,
    JourneyAdvanced,
    LeadBehaved,
)
from shared.contracts.events.capture import (
    LeadCaptured,
    LeadChanged,
    LeadErased,
    LeadMerged,
    LeadRejected,
    LeadUnmerged,
    ReceiptSettled,
)
from shared.contracts.events.conversion import OpportunityChanged, OpportunityConverted, OpportunityRedacted
from shared.contracts.events.journeys import OfferRedeemed
from shared.contracts.events.platform import AccessGranted, AccessRevoked, CommandCompleted
from shared.contracts.events.routing import LeadRouted
from shared.contracts.events.scoring import LeadScored, ReadinessChanged, RulesPublished
from shared.contracts.events.segments import InterestChanged, SegmentEntered, SegmentExited
from shared.contracts.topics import COMMAND_TOPICS

# A topic with this type takes records of every type (dead letters).
ANY_TYPE: Final = "*"

SUBMISSIONS: Final[MappingProxyType[str, type[Contract]]] = MappingProxyType(
    {"lead.submitted": LeadSubmitted, "behaviour.submitted": BehaviourSubmitted}
)

COMMANDS: Final[MappingProxyType[str, type[Contract]]] = MappingProxyType(
    {
        "lead.merge": MergeLeads,
        "lead.unmerge": UnmergeLeads,
        "duplicate.merge": MergeDuplicate,
        "duplicate.keep": KeepDuplicate,
        "lead.erase": EraseLead,
        "lead.export": ExportLead,
        "consent.record": RecordConsent,
        "lead.fetch": FetchLead,
        "lead.withdraw": WithdrawLead,
        "lead.mark": MarkLead,
        "lead.promote": PromoteLead,
        "target_list.set": SetTargetList,
        "targets.expire": ExpireTargets,
        "hygiene.due": HygieneDue,
        "hygiene.run": RunHygiene,
        "hygiene.check": CheckLeads,
        "quarantine.release": ReleaseQuarantined,
        "quarantine.reject": RejectQuarantined,
        "behaviour.stitch": StitchBehaviour,
        "visitor.unlink": UnlinkVisitor,
        "behaviour.reclassify": ReclassifyBehaviour,
        "rules.publish": PublishRules,
        "rules.shadow": ShadowRules,
        "score.turn": TurnScore,
        "member.set": SetMember,
        "lead.reassign": ReassignLead,
        "lead.set_status": SetLeadStatus,
        "junk.purge": PurgeJunk,
        "lead.convert": ConvertLead,
        "opportunity.change": ChangeOpportunity,
        "opportunity.redact": RedactOpportunity,
        "access.grant": GrantAccess,
        "access.revoke": RevokeAccess,
        "interest.state": StateInterest,
        "interest.resume": ResumeInterest,
        "segments.recount": RecountSegments,
        "segments.recount_due": RecountDue,
        "segments.looks_due": LooksDue,
        "segments.look": LookAtLead,
        "journey.step_due": StepDue,
        "journey.enrol_due": EnrolDue,
        "record.replay": ReplayRecord,
    }
)

EVENTS: Final[MappingProxyType[str, type[Contract]]] = MappingProxyType(
    {
        "lead.captured": LeadCaptured,
        "lead.changed": LeadChanged,
        "lead.rejected": LeadRejected,
        "receipt.settled": ReceiptSettled,
        "lead.merged": LeadMerged,
        "lead.unmerged": LeadUnmerged,
        "lead.erased": LeadErased,
        "lead.behaved": LeadBehaved,
        "behaviour.corrected": BehaviourCorrected,
        "behaviour.settled": BehaviourSettled,
        "lead.scored": LeadScored,
        "readiness.changed": ReadinessChanged,
        "segment.entered": SegmentEntered,
        "segment.exited": SegmentExited,
        "interest.changed": InterestChanged,
        "journey.advanced": JourneyAdvanced,
        "offer.redeemed": OfferRedeemed,
        "lead.routed": LeadRouted,
        "opportunity.converted": OpportunityConverted,
        "opportunity.redacted": OpportunityRedacted,
        "opportunity.changed": OpportunityChanged,
        "rules.published": RulesPublished,
        "access.granted": AccessGranted,
        "access.revoked": AccessRevoked,
        "command.completed": CommandCompleted,
    }
)

CONTRACTS: Final[MappingProxyType[str, type[Contract]]] = MappingProxyType({**SUBMISSIONS, **EVENTS, **COMMANDS})

# Their topics stand, nobody publishes them yet. They are frozen with the first release that does.
RESERVED: Final[frozenset[str]] = frozenset()


def is_command_topic(name: str) -> bool:
    """Whether a topic carries commands."""
    return name in COMMAND_TOPICS.values()


def schema_name(event_type: str) -> str:
    """How a type's schema is called in files and documents: `lead.captured.v1`."""
    return f"{event_type}.v1"
