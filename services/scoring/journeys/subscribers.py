"""What the lane of journeys consumes."""

from typing import Final

from services.scoring.journeys.domain.inbound import Advanced, Behaved, Converted, Entered, Exited
from services.scoring.journeys.domain.model import KIND, load_journey_rules
from services.scoring.journeys.handlers.enrolling import EnrolmentsDue, then_enrol
from services.scoring.journeys.handlers.following import (
    FollowConversions,
    FollowSegments,
    RedeemOffers,
    ReleaseSends,
    StepsDue,
)
from services.scoring.journeys.handlers.moving import STAGE, Moves
from services.scoring.journeys.ports import JourneyBook, JourneyModels
from shared.contracts.commands.journeys import EnrolDue, StepDue
from shared.contracts.topics import CAPTURED, CONVERTED, JOURNEYS, LEAD_EVENTS, SCORING_COMMANDS
from shared.messaging.commands import Obey
from shared.messaging.publish_rules import publish_rules
from shared.messaging.subscription import GivesWay, Handled, Subscription

GROUP: Final = "scoring-journeys"


def journeys_lane(rules: JourneyModels, book: JourneyBook, *, max_records: int, pause_lag: int) -> Subscription:
    """The lane of journeys. It keeps no decisions, because other lanes of scoring read some of these records too."""
    moves = Moves(rules, book)
    return Subscription(
        GROUP,
        (JOURNEYS, CONVERTED, LEAD_EVENTS, SCORING_COMMANDS),
        {
            Entered.TYPE: Handled(FollowSegments(moves, entered=True), Entered),
            Exited.TYPE: Handled(FollowSegments(moves, entered=False), Exited),
            Converted.TYPE: Handled(FollowConversions(moves), Converted),
            StepDue.TYPE: Handled(StepsDue(moves), StepDue),
            EnrolDue.TYPE: Handled(EnrolmentsDue(moves), EnrolDue),
            Advanced.TYPE: Handled(ReleaseSends(book), Advanced),
            Behaved.TYPE: Handled(RedeemOffers(book), Behaved),
        },
        decisions=False,
        shared=frozenset({CONVERTED, LEAD_EVENTS, SCORING_COMMANDS}),
        answered=frozenset({Converted.TYPE, Behaved.TYPE}),
        max_records=max_records,
        title="Journeys",
        gives_way=GivesWay({"scoring": (CAPTURED,)}, pause_lag) if pause_lag else None,
    )


def publish_journeys() -> Obey:
    """`rules.publish` of journeys: runs go on with the new version at their next step, and members are enrolled where
    they are to be."""
    return then_enrol(publish_rules(STAGE, KIND, load_journey_rules))
