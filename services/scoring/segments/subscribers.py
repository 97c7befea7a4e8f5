"""What the lane of segments consumes, and what it adds to scoring's own lane."""

from collections.abc import Mapping
from typing import Final

from services.scoring.segments.domain.inbound import Behaved, Converted, Corrected, Joined
from services.scoring.segments.domain.model import KIND, load_segment_rules
from services.scoring.segments.handlers.due import LookWhenDue, NameLooks, RecountsDue, ResumesDue
from services.scoring.segments.handlers.following import (
    FollowBehaviour,
    FollowConversions,
    FollowCorrections,
    FollowScores,
    FollowWhoIsWho,
)
from services.scoring.segments.handlers.looking import STAGE, Looks
from services.scoring.segments.handlers.obeying import RecountsWanted, StateInterests, then_recount
from services.scoring.segments.ports import SegmentBook, SegmentModels
from shared.contracts.commands.segments import (
    LookAtLead,
    LooksDue,
    RecountDue,
    RecountSegments,
    ResumeInterest,
    StateInterest,
)
from shared.contracts.topics import CAPTURED, CONVERTED, LEAD_EVENTS, MERGED, SCORED, SCORING_COMMANDS
from shared.messaging.commands import Obey, command
from shared.messaging.publish_rules import publish_rules
from shared.messaging.subscription import GivesWay, Handled, Subscription

GROUP: Final = "scoring-segments"


def segments_lane(rules: SegmentModels, book: SegmentBook, *, max_records: int, pause_lag: int) -> Subscription:
    """The lane of segments. It keeps no decisions, because scoring's own lane reads some of these records too."""
    looks = Looks(rules, book)
    return Subscription(
        GROUP,
        (SCORED, LEAD_EVENTS, MERGED, CONVERTED, SCORING_COMMANDS),
        {
            "lead.scored": Handled(FollowScores(looks, book)),
            Behaved.TYPE: Handled(FollowBehaviour(looks, book), Behaved),
            Corrected.TYPE: Handled(FollowCorrections(looks, book), Corrected),
            Converted.TYPE: Handled(FollowConversions(looks, book), Converted),
            Joined.MERGED: Handled(FollowWhoIsWho(looks, book, merged=True), Joined),
            Joined.UNMERGED: Handled(FollowWhoIsWho(looks, book, merged=False), Joined),
            LooksDue.TYPE: Handled(NameLooks(book), LooksDue),
            LookAtLead.TYPE: Handled(LookWhenDue(looks, book), LookAtLead),
            RecountDue.TYPE: Handled(RecountsDue(looks, book), RecountDue),
            ResumeInterest.TYPE: Handled(ResumesDue(looks, book), ResumeInterest),
        },
        decisions=False,
        shared=frozenset({LEAD_EVENTS, MERGED, SCORING_COMMANDS}),
        answered=frozenset({Behaved.TYPE, Corrected.TYPE, Joined.MERGED, Joined.UNMERGED}),
        max_records=max_records,
        title="Segments",
        gives_way=GivesWay({"scoring": (CAPTURED,)}, pause_lag) if pause_lag else None,
    )


def commands_of_segments(book: SegmentBook) -> Mapping[str, Handled]:
    """Commands that scoring's own lane obeys."""
    return {
        StateInterest.TYPE: Handled(command(STAGE, StateInterests(book)), StateInterest),
        RecountSegments.TYPE: Handled(command(STAGE, RecountsWanted(book)), RecountSegments),
    }


def publish_segments(book: SegmentBook) -> Obey:
    """`rules.publish` of segments: live from the next batch on, and every lead is looked at again."""
    return then_recount(publish_rules(STAGE, KIND, load_segment_rules), book)
