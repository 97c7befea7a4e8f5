"""What routing consumes."""

from datetime import timedelta
from typing import Final

from services.routing.domain.inbound import ScoredLead
from services.routing.domain.rules import KIND, load_assignment_rules
from services.routing.handlers.commands import RoutingCommands
from services.routing.handlers.events import STAGE
from services.routing.handlers.merging import LeadMerging
from services.routing.handlers.routing import LeadRouting
from services.routing.handlers.statuses import PurgeJunkDue, SetLeadStatuses
from services.routing.handlers.unmerging import LeadUnmerging
from services.routing.ports import Tables
from shared.contracts.commands.routing import PurgeJunk, ReassignLead, SetLeadStatus, SetMember
from shared.contracts.commands.rules import PublishRules
from shared.contracts.thin import AnyUnmerge, ErasedLeads, MergedLead, UnmergedLead
from shared.contracts.topics import ERASED, MERGED, ROUTING_COMMANDS, SCORED
from shared.handling.unmerges import telling_leads
from shared.messaging.commands import command, note_dead_commands
from shared.messaging.erasing import forget_people
from shared.messaging.publish_rules import publish_rules
from shared.messaging.replaying import with_replays
from shared.messaging.subscription import Handled, Subscription
from shared.messaging.timers import while_live

JUNK_KEPT: Final = timedelta(days=30)


def routing_subscription(tables: Tables, *, max_records: int = 2000, junk_kept: timedelta = JUNK_KEPT) -> Subscription:
    """The one lane of routing. Junk is erased after `junk_kept`."""
    commands = RoutingCommands(tables)
    publish = publish_rules(STAGE, KIND, load_assignment_rules, commands.find_gaps)
    lane = Subscription(
        "routing",
        (SCORED, MERGED, ERASED, ROUTING_COMMANDS),
        {
            ScoredLead.TYPE: Handled(LeadRouting(tables).route_leads, ScoredLead),
            MergedLead.TYPE: Handled(LeadMerging(tables).merge_leads, MergedLead),
            ErasedLeads.TYPE: Handled(forget_people(tables.personal), ErasedLeads),
            UnmergedLead.TYPE: Handled(telling_leads(LeadUnmerging(tables).unmerge_leads), AnyUnmerge),
            PublishRules.TYPE: Handled(command(STAGE, publish), PublishRules),
            SetMember.TYPE: Handled(command(STAGE, commands.set_member), SetMember),
            ReassignLead.TYPE: Handled(command(STAGE, commands.reassign_lead), ReassignLead),
            SetLeadStatus.TYPE: Handled(command(STAGE, SetLeadStatuses(tables, junk_kept)), SetLeadStatus),
            PurgeJunk.TYPE: Handled(while_live(PurgeJunkDue(tables)), PurgeJunk),
        },
        on_dead_letters=note_dead_commands,
        max_records=max_records,
        title="Routing",
    )
    return with_replays(STAGE, lane)
