"""What scoring consumes, and who handles it."""

from collections.abc import Sequence

from services.scoring.domain.inbound import CapturedLead, ChangedLead
from services.scoring.domain.model import KIND, load_scoring_model
from services.scoring.handlers import STAGE, FollowChanges, FollowMerges, FollowUnmerges, ScoreLeads
from services.scoring.ports import Models, Standings
from shared.contracts.commands.rules import PublishRules
from shared.contracts.thin import AnyUnmerge, ErasedLeads, MergedLead, UnmergedLead
from shared.contracts.topics import CAPTURED, ERASED, MERGED, SCORING_COMMANDS
from shared.handling.unmerges import telling_leads
from shared.messaging.commands import command, note_dead_commands
from shared.messaging.erasing import forget_people
from shared.messaging.publish_rules import publish_rules
from shared.messaging.replaying import with_replays
from shared.messaging.subscription import Handled, Subscription
from shared.persistence.erasing import PersonalTables


def subscription(
    models: Models, standings: Standings, personal: Sequence[PersonalTables], *, max_records: int
) -> Subscription:
    """The one lane of scoring, group `scoring`."""
    publish = publish_rules(STAGE, KIND, load_scoring_model)
    lane = Subscription(
        "scoring",
        (CAPTURED, MERGED, ERASED, SCORING_COMMANDS),
        {
            CapturedLead.TYPE: Handled(ScoreLeads(models, standings), CapturedLead),
            ChangedLead.TYPE: Handled(FollowChanges(models, standings), ChangedLead),
            MergedLead.TYPE: Handled(FollowMerges(models, standings), MergedLead),
            ErasedLeads.TYPE: Handled(forget_people(personal), ErasedLeads),
            UnmergedLead.TYPE: Handled(telling_leads(FollowUnmerges(models, standings)), AnyUnmerge),
            PublishRules.TYPE: Handled(command(STAGE, publish), PublishRules),
        },
        on_dead_letters=note_dead_commands,
        max_records=max_records,
        title="Scoring",
    )
    return with_replays(STAGE, lane)
