"""What scoring consumes, and who handles it."""

from collections.abc import Sequence

from services.scoring.domain.behaved import BehavedLead, CorrectedBehaviour
from services.scoring.domain.inbound import CapturedLead, ChangedLead
from services.scoring.domain.model import KIND, load_scoring_model
from services.scoring.handlers.behaviour import FollowBehaviour, note_behaved, note_seen_otherwise
from services.scoring.handlers.leads import FollowChanges, ScoreLeads
from services.scoring.handlers.merging import FollowMerges, FollowUnmerges
from services.scoring.handlers.outcomes import STAGE
from services.scoring.handlers.shadowing import shadow_rules
from services.scoring.handlers.turning import TurnScores
from services.scoring.journeys.domain.model import KIND as JOURNEYS
from services.scoring.journeys.subscribers import publish_journeys
from services.scoring.ports import Models, ShadowRow, Standings
from services.scoring.segments.domain.model import KIND as SEGMENTS
from services.scoring.segments.ports import SegmentBook
from services.scoring.segments.subscribers import commands_of_segments, publish_segments
from shared.contracts.commands.rules import PublishRules, ShadowRules
from shared.contracts.commands.scoring import TurnScore
from shared.contracts.thin import AnyUnmerge, ErasedLeads, MergedLead, UnmergedLead
from shared.contracts.topics import CAPTURED, ERASED, LEAD_EVENTS, MERGED, SCORING_COMMANDS
from shared.handling.unmerges import telling_leads
from shared.messaging.commands import command, note_dead_commands
from shared.messaging.erasing import forget_people
from shared.messaging.publish_rules import publish_kinds, publish_rules
from shared.messaging.replaying import with_replays
from shared.messaging.subscription import Handled, Subscription
from shared.persistence.erasing import PersonalTables


def subscriptions(
    models: Models,
    standings: Standings,
    segments: SegmentBook,
    shadow: ShadowRow,
    personal: Sequence[PersonalTables],
    beside: Sequence[Subscription] = (),
    *,
    max_records: int,
) -> list[Subscription]:
    """The lane of leads and commands, group `scoring`; that of behaviour, of which there is far more, and which waits
    for nobody's lead to be scored; and those `beside` them. Dead letters of all of them are replayed in the first one."""
    publish = publish_kinds(
        STAGE,
        {
            KIND: publish_rules(STAGE, KIND, load_scoring_model),
            SEGMENTS: publish_segments(segments),
            JOURNEYS: publish_journeys(),
        },
    )
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
            ShadowRules.TYPE: Handled(command(STAGE, shadow_rules(shadow)), ShadowRules),
            TurnScore.TYPE: Handled(TurnScores(models, standings), TurnScore),
            **commands_of_segments(segments),
        },
        on_dead_letters=note_dead_commands,
        max_records=max_records,
        title="Scoring",
    )
    behaviour = behaviour_subscription(models, standings, max_records=max_records)
    return [with_replays(STAGE, lane, behaviour, *beside), behaviour, *beside]


def behaviour_subscription(models: Models, standings: Standings, *, max_records: int) -> Subscription:
    """What leads do."""
    return Subscription(
        "scoring-behaviour",
        (LEAD_EVENTS,),
        {
            BehavedLead.TYPE: Handled(FollowBehaviour(models, standings, note_behaved), BehavedLead),
            CorrectedBehaviour.TYPE: Handled(
                FollowBehaviour(models, standings, note_seen_otherwise), CorrectedBehaviour
            ),
        },
        max_records=max_records,
        title="Scores by behaviour",
    )
