"""What capture consumes: one live lane with its commands, one bulk lane."""

from dataclasses import dataclass

from services.capture.handlers.arrivals import INBOUND_TOPICS
from services.capture.handlers.capture_leads import CaptureLeads
from services.capture.handlers.dead_letters import NoteDeadLetters, bury_unknown
from services.capture.handlers.erase_leads import EraseLeads, NoteExports
from services.capture.handlers.events import STAGE
from services.capture.handlers.merge_leads import MergeLeadsObeyed, on_command_topic
from services.capture.handlers.repeats import SettleRepeats
from services.capture.ports import ErasureBook, LeadBook, MergeBook, ReceiptBook
from services.capture.sources.register import NO_WEB_SOURCES, Formats
from shared.contracts.commands.capture import LEAD_SUBMITTED, EraseLead, ExportLead, MergeLeads
from shared.contracts.topics import CAPTURE_COMMANDS, INBOUND, INBOUND_BULK
from shared.messaging.replaying import with_replays
from shared.messaging.subscription import Handled, Subscription


@dataclass(frozen=True, slots=True)
class Books:
    """Where leads, receipts, merges and erasures are kept."""

    leads: LeadBook
    receipts: ReceiptBook
    merges: MergeBook
    erasures: ErasureBook


def subscriptions(
    books: Books,
    *,
    secret: bytes,
    default_region: str | None = None,
    max_records: int = 2000,
    formats: Formats = NO_WEB_SOURCES,
) -> list[Subscription]:
    """Both lanes. What each record type leads to is the same in both; only the bulk lane takes no commands."""
    repeats = SettleRepeats(books.receipts, secret)
    reading = CaptureLeads(books.leads, books.erasures, secret, default_region, formats)
    submitted = Handled(reading, repeated=repeats)
    merging = MergeLeadsObeyed(books.leads, books.merges, books.erasures)
    merge = Handled(on_command_topic(merging), MergeLeads, repeated=repeats)
    erase = Handled(on_command_topic(EraseLeads(books.erasures)), EraseLead, repeated=repeats)
    export = Handled(on_command_topic(NoteExports(books.erasures)), ExportLead, repeated=repeats)
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
    )
    live = Subscription(
        "capture",
        (INBOUND, CAPTURE_COMMANDS),
        {LEAD_SUBMITTED: submitted, MergeLeads.TYPE: merge, EraseLead.TYPE: erase, ExportLead.TYPE: export},
        others=unknown,
        on_dead_letters=dead_letters,
        inbound=INBOUND_TOPICS,
        max_records=max_records,
        title="Live submissions and commands",
    )
    return [with_replays(STAGE, live, bulk, repeated=repeats), bulk]
