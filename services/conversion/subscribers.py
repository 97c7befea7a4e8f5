"""What conversion consumes."""

from collections.abc import Sequence

from services.conversion.domain.gate import KIND, load_gate
from services.conversion.domain.pipeline import KIND as PIPELINE
from services.conversion.domain.pipeline import load_pipeline
from services.conversion.handlers.change_opportunity import ChangeOnCommand
from services.conversion.handlers.convert_leads import ConvertLeads
from services.conversion.handlers.convert_on_command import ConvertOnCommand
from services.conversion.handlers.converting import STAGE, Converting
from services.conversion.handlers.merge_leads import MergeLeads
from services.conversion.handlers.redact_people import RedactAgain, RedactPeople
from services.conversion.handlers.unmerge_leads import UnmergeLeads
from services.conversion.ports import Gates, Leads, Parties, Pipelines, Sales
from shared.contracts.commands.rules import PublishRules
from shared.contracts.commands.sales import ChangeOpportunity, ConvertLead, RedactOpportunity
from shared.contracts.events.routing import LeadRouted
from shared.contracts.thin import AnyUnmerge, ErasedLeads, MergedLead, UnmergedLead
from shared.contracts.topics import ERASED, MERGED, ROUTED, SALES_COMMANDS
from shared.handling.unmerges import telling_leads
from shared.messaging.commands import command, note_dead_commands
from shared.messaging.publish_rules import publish_kinds, publish_rules
from shared.messaging.replaying import with_replays
from shared.messaging.subscription import Handled, Subscription
from shared.messaging.timers import while_live
from shared.persistence.erasing import PersonalTables


def conversion_subscription(
    gates: Gates,
    leads: Leads,
    parties: Parties,
    sales: Sales,
    pipelines: Pipelines,
    personal: Sequence[PersonalTables],
    *,
    max_records: int = 2000,
) -> Subscription:
    """The one lane of conversion."""
    converting = Converting(parties, sales, pipelines)
    on_command = ConvertOnCommand(gates, leads, sales, converting)
    publish = publish_kinds(
        STAGE, {KIND: publish_rules(STAGE, KIND, load_gate), PIPELINE: publish_rules(STAGE, PIPELINE, load_pipeline)}
    )
    lane = Subscription(
        "conversion",
        (ROUTED, MERGED, ERASED, SALES_COMMANDS),
        {
            LeadRouted.TYPE: Handled(ConvertLeads(gates, leads, sales, converting)),
            MergedLead.TYPE: Handled(MergeLeads(leads, sales), MergedLead),
            ErasedLeads.TYPE: Handled(RedactPeople(sales, personal), ErasedLeads),
            RedactOpportunity.TYPE: Handled(while_live(RedactAgain(sales)), RedactOpportunity),
            UnmergedLead.TYPE: Handled(telling_leads(UnmergeLeads(leads, sales)), AnyUnmerge),
            ConvertLead.TYPE: Handled(command(STAGE, on_command), ConvertLead),
            ChangeOpportunity.TYPE: Handled(command(STAGE, ChangeOnCommand(sales, pipelines)), ChangeOpportunity),
            PublishRules.TYPE: Handled(command(STAGE, publish), PublishRules),
        },
        on_dead_letters=note_dead_commands,
        max_records=max_records,
        title="Conversion",
    )
    return with_replays(STAGE, lane)
