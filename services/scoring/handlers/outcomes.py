"""What the use cases of scoring have in common: records decided before, standings saved, scores told."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from services.scoring.domain.scoring import Weighed
from services.scoring.domain.standing import Standing
from services.scoring.ports import Standings
from shared.contracts.events.scoring import LeadScored
from shared.contracts.topics import SCORED
from shared.handling.outcomes import InHand, Outcome, OutEvent, Produced, Rejected, Stage
from shared.handling.work import Work
from shared.observability.metrics import LEADS_SCORED

STAGE: Final = Stage("scoring")
SCORED_ANEW: Final = "scored"


async def settle(
    standings: Standings,
    work: Work,
    items: Sequence[InHand],
    known: dict[str, Standing],
    decide: Callable[[InHand], Outcome],
) -> Sequence[Outcome]:
    """Each record's outcome, that of one decided before again; what changed is saved, and new scores are counted."""
    outcomes = [decide(item) if item.decision is None else again(item, known) for item in items]
    await standings.save(work, [standing for standing in known.values() if standing.changed])
    for grade, n in _new_grades(outcomes).items():
        LEADS_SCORED.labels(grade=grade).inc(n)
    return outcomes


def subjects(items: Iterable[InHand]) -> set[str]:
    """The leads that redelivered records were decided about."""
    return {item.decision.subject for item in items if item.decision is not None and item.decision.subject}


def standing_of(known: dict[str, Standing], lead_id: str) -> Standing:
    """A lead's standing; of one that was never heard of, a new one."""
    standing = known.get(lead_id)
    if standing is None:
        standing = known[lead_id] = Standing(lead_id)
    return standing


def scored(item: InHand, standing: Standing, weighed: Weighed, at: str) -> Outcome:
    """A score to be told, as of the standing's newest state."""
    detail = {**weighed.summary, "score_version": standing.score_version}
    return Produced(SCORED_ANEW, (_event(item, standing, at),), standing.lead_id, None, detail)


def again(item: InHand, known: dict[str, Standing]) -> Outcome:
    """A redelivery: the same event id and time, the newest stored state; nothing where nothing was told."""
    assert item.decision is not None
    if item.decision.outcome != SCORED_ANEW:
        return Produced(item.decision.outcome, subject=item.decision.subject)
    standing = known.get(item.decision.subject or "")
    if standing is None or standing.origin is None:
        return Rejected("state_missing", place="lead_scores")
    return Produced(SCORED_ANEW, (_event(item, standing, item.decision.decided_at),), standing.lead_id)


def _event(item: InHand, standing: Standing, at: str) -> OutEvent:
    return STAGE.event(
        item.record, LeadScored.TYPE, topic=SCORED, key=standing.lead_id, data=standing.published(), time=at
    )


def _new_grades(outcomes: Sequence[Outcome]) -> Counter[str]:
    """The grades of new scores; redelivered ones, which have no detail, were counted before."""
    return Counter(o.detail["grade"] for o in outcomes if isinstance(o, Produced) and o.detail is not None)
