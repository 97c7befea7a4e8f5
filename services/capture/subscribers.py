"""What capture consumes: one live lane with its commands, one bulk lane, one of what people do, one of conversions."""

from dataclasses import dataclass
from typing import Final

from services.capture.behaviour_ports import BehaviourBook
from services.capture.domain.behaviour.humanity import OUR_SIGNS, Signs
from services.capture.domain.freshness import NIGHTLY, Hygiene
from services.capture.domain.guard import Guard
from services.capture.domain.survivorship import DEFAULT, Survivorship
from services.capture.domain.validation import KIND, load_validation
from services.capture.domain.vocabulary import BUILT_IN, Vocabulary
from services.capture.handlers.announced_leads import NoteAnnouncedLeads, WithdrawLeads
from services.capture.handlers.arrivals import INBOUND_TOPICS
from services.capture.handlers.behaviour_commands import LetGo, ReclassifyStored, UnlinkVisitors
from services.capture.handlers.capture_leads import CaptureLeads
from services.capture.handlers.check_leads import CheckLeadsFound, HygieneIsDue, RunHygieneObeyed
from services.capture.handlers.dead_letters import NoteDeadLetters, bury_unknown
from services.capture.handlers.erase_leads import EraseLeads, NoteExports
from services.capture.handlers.events import STAGE
from services.capture.handlers.expire_targets import ExpireTargetsDue, SetTargetLists
from services.capture.handlers.identify_visitors import CaptureAndIdentify
from services.capture.handlers.mark_leads import MarkLeads, PromoteLeads
from services.capture.handlers.merge_leads import (
    KeepDuplicateObeyed,
    MergeDuplicateObeyed,
    MergeLeadsObeyed,
    commands_only,
    on_command_topic,
)
from services.capture.handlers.note_conversions import ConvertedLead, NoteConversions
from services.capture.handlers.note_targets import NoteTargets
from services.capture.handlers.quarantine import SettleQuarantined
from services.capture.handlers.record_consent import RecordConsents
from services.capture.handlers.repeated_behaviour import SettleRepeatedBehaviour
from services.capture.handlers.repeats import SettleRepeats
from services.capture.handlers.stitch_behaviour import StitchBehaviour
from services.capture.handlers.unmerge_leads import UnmergeLeadsObeyed
from services.capture.hygiene_ports import CheckBook
from services.capture.ports import (
    AnnouncedBook,
    ConsentBook,
    ConversionBook,
    DoubleBook,
    ErasureBook,
    LeadBook,
    MergeBook,
    PairBook,
    QuarantineBook,
    ReceiptBook,
    ReferrerBook,
    TargetBook,
    ValidationBook,
)
from services.capture.sources.register import NO_WEB_SOURCES, Formats
from shared.contracts.base import Contract
from shared.contracts.commands.behaviour import ReclassifyBehaviour, UnlinkVisitor
from shared.contracts.commands.behaviour import StitchBehaviour as StitchCommand
from shared.contracts.commands.capture import (
    LEAD_SUBMITTED,
    CheckLeads,
    EraseLead,
    ExpireTargets,
    ExportLead,
    FetchLead,
    HygieneDue,
    KeepDuplicate,
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
from shared.contracts.commands.rules import PublishRules
from shared.contracts.events.behaviour import BehaviourSubmitted
from shared.contracts.topics import (
    CAPTURE_COMMANDS,
    CAPTURED,
    CONVERTED,
    EVENTS_INBOUND,
    INBOUND,
    INBOUND_BULK,
    ROUTED,
    SCORED,
)
from shared.messaging.commands import Obey
from shared.messaging.publish_rules import publish_rules
from shared.messaging.replaying import with_replays
from shared.messaging.subscription import GivesWay, Handled, Subscription
from shared.messaging.timers import while_live

# The way of a lead from its receipt to its opportunity, group by group.
LIVE_LANES: Final = {"capture": (INBOUND,), "scoring": (CAPTURED,), "routing": (SCORED,), "conversion": (ROUTED,)}


@dataclass(frozen=True, slots=True)
class Books:
    """Where leads, receipts, merges, pairs, erasures, behaviour, announced leads, targets, forms, the quarantine,
    consents, the nightly look at leads, the validation rules and conversions are kept, and who has a referrer's address."""

    leads: LeadBook
    receipts: ReceiptBook
    merges: MergeBook
    pairs: PairBook
    erasures: ErasureBook
    behaviours: BehaviourBook
    announced: AnnouncedBook
    targets: TargetBook
    doubles: DoubleBook
    quarantine: QuarantineBook
    consents: ConsentBook
    checks: CheckBook
    validations: ValidationBook
    conversions: ConversionBook
    referrers: ReferrerBook


def subscriptions(
    books: Books,
    *,
    secret: bytes,
    default_region: str | None = None,
    max_records: int = 2000,
    formats: Formats = NO_WEB_SOURCES,
    bulk_pause_lag: int = 0,
    double_window_s: int = 600,
    guard: Guard | None = None,
    vocabulary: Vocabulary = BUILT_IN,
    survivorship: Survivorship = DEFAULT,
    signs: Signs = OUR_SIGNS,
    hygiene: Hygiene = NIGHTLY,
) -> list[Subscription]:
    """The lanes: live, bulk, behaviour, conversions. What each record type of a lead leads to is the same in the first two; only the
    live lane takes commands."""
    repeats = SettleRepeats(books.receipts, secret)
    capture = CaptureLeads(
        books.leads,
        books.merges,
        books.erasures,
        NoteTargets(books.targets),
        books.quarantine,
        books.consents,
        secret,
        default_region,
        formats,
        books.doubles,
        double_window_s,
        guard,
        vocabulary,
        survivorship,
        books.validations,
        books.referrers,
    )
    submitted = Handled(CaptureAndIdentify(capture), repeated=repeats)
    unknown = Handled(bury_unknown, repeated=repeats)
    dead_letters = NoteDeadLetters(books.receipts, secret)
    bulk = Subscription(
        "capture-bulk",
        (INBOUND_BULK,),
        {LEAD_SUBMITTED: submitted},
        others=unknown,
        on_dead_letters=dead_letters,
        inbound=INBOUND_TOPICS,
        max_records=max_records,
        title="Submissions of imports and backfills",
        gives_way=GivesWay(LIVE_LANES, bulk_pause_lag) if bulk_pause_lag else None,
    )
    live = Subscription(
        "capture",
        (INBOUND, CAPTURE_COMMANDS),
        {
            LEAD_SUBMITTED: submitted,
            **_commands(books, capture, repeats, secret),
            **hygiene_commands(books, hygiene, repeats),
            **behaviour_commands(books.behaviours, signs, repeats),
        },
        others=unknown,
        on_dead_letters=dead_letters,
        inbound=INBOUND_TOPICS,
        max_records=max_records,
        title="Live submissions and commands",
    )
    stitch = StitchBehaviour(books.behaviours, books.erasures, secret, default_region, signs)
    events = behaviour_lane(stitch, dead_letters, secret=secret, max_records=max_records)
    converted = conversions_lane(books, max_records=max_records)
    return [with_replays(STAGE, live, bulk, events, converted, repeated=repeats), bulk, events, converted]


def behaviour_commands(behaviours: BehaviourBook, signs: Signs, repeats: SettleRepeats) -> dict[str, Handled]:
    """What is done about behaviour on command."""
    unlink = on_command_topic(UnlinkVisitors(behaviours))
    reclassify = on_command_topic(ReclassifyStored(behaviours, signs))
    return {
        StitchCommand.TYPE: Handled(LetGo(behaviours), StitchCommand, repeated=repeats),
        UnlinkVisitor.TYPE: Handled(unlink, UnlinkVisitor, repeated=repeats),
        ReclassifyBehaviour.TYPE: Handled(reclassify, ReclassifyBehaviour, repeated=repeats),
    }


def hygiene_commands(books: Books, hygiene: Hygiene, repeats: SettleRepeats) -> dict[str, Handled]:
    """What the nightly look at leads is made of, beside its command for people."""
    is_due = commands_only(while_live(HygieneIsDue(books.checks, hygiene)))
    check = commands_only(CheckLeadsFound(books.leads, books.checks, hygiene))
    return {
        HygieneDue.TYPE: Handled(is_due, HygieneDue, repeated=repeats),
        CheckLeads.TYPE: Handled(check, CheckLeads, repeated=repeats),
    }


def behaviour_lane(
    stitch: StitchBehaviour, dead_letters: NoteDeadLetters, *, secret: bytes, max_records: int
) -> Subscription:
    """What people do has a lane of its own: there is far more of it than of leads, and leads go first."""
    repeats = SettleRepeatedBehaviour(secret)
    return Subscription(
        "capture-behaviour",
        (EVENTS_INBOUND,),
        {BehaviourSubmitted.TYPE: Handled(stitch, repeated=repeats)},
        others=Handled(bury_unknown, repeated=repeats),
        on_dead_letters=dead_letters,
        inbound=frozenset({EVENTS_INBOUND}),
        max_records=max_records,
        title="What people do",
    )


def conversions_lane(books: Books, *, max_records: int) -> Subscription:
    """Who is a customer by now. Nothing of a submission waits for it."""
    note = NoteConversions(books.conversions, books.leads, books.targets, books.erasures)
    return Subscription(
        "capture-conversions",
        (CONVERTED,),
        {ConvertedLead.TYPE: Handled(note, ConvertedLead)},
        max_records=max_records,
        title="Leads that became opportunities",
    )


def _commands(books: Books, capture: CaptureLeads, repeats: SettleRepeats, secret: bytes) -> dict[str, Handled]:
    """What obeys which command."""
    merging = MergeLeadsObeyed(books.leads, books.merges, books.pairs, books.erasures)
    settle = SettleQuarantined(capture, books.quarantine)
    obeying: tuple[tuple[type[Contract], Obey], ...] = (
        (PublishRules, publish_rules(STAGE, KIND, load_validation)),
        (MergeLeads, merging),
        (UnmergeLeads, UnmergeLeadsObeyed(books.leads, books.merges, books.pairs, books.erasures)),
        (MergeDuplicate, MergeDuplicateObeyed(books.pairs, books.leads, merging, books.conversions)),
        (KeepDuplicate, KeepDuplicateObeyed(books.pairs)),
        (EraseLead, EraseLeads(books.erasures, books.conversions)),
        (ExportLead, NoteExports(books.erasures)),
        (FetchLead, NoteAnnouncedLeads(books.announced)),
        (WithdrawLead, WithdrawLeads(books.announced, secret)),
        (MarkLead, MarkLeads(books.leads, books.erasures, books.consents)),
        (RecordConsent, RecordConsents(books.leads, books.erasures, books.consents)),
        (PromoteLead, PromoteLeads(books.leads, books.erasures, books.targets, books.behaviours)),
        (SetTargetList, SetTargetLists(books.targets)),
        (RunHygiene, RunHygieneObeyed(books.checks)),
        (ReleaseQuarantined, settle),
        (RejectQuarantined, settle),
    )
    expire = commands_only(while_live(ExpireTargetsDue(books.leads, books.targets)))
    return {
        ExpireTargets.TYPE: Handled(expire, ExpireTargets, repeated=repeats),
        **{
            contract.TYPE: Handled(on_command_topic(obey), contract, repeated=repeats)  # type: ignore[attr-defined]
            for contract, obey in obeying
        },
    }
