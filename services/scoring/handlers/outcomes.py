"""What the use cases of scoring have in common: records decided before, standings saved, scores told."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import orjson

from services.scoring.domain.scoring import Weighed
from services.scoring.domain.standing import Standing, take_readiness
from services.scoring.ports import Standings
from shared.contracts.events.scoring import LeadScored, ReadinessChanged
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
        work.once_stored(partial(LEADS_SCORED.labels(grade=grade).inc, n))
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
    """A score to be told, as of the standing's newest state; beside it a transition of readiness, where it made one."""
    detail: dict[str, Any] = {**weighed.summary, "score_version": standing.score_version}
    if not take_readiness(standing, weighed):
        return Produced(SCORED_ANEW, (_event(item, standing, at),), standing.lead_id, None, detail)
    detail["readiness"] = _readiness(standing, weighed, at)
    events = (_event(item, standing, at), _readiness_event(item, detail["readiness"], at))
    return Produced(SCORED_ANEW, events, standing.lead_id, None, detail)


def again(item: InHand, known: dict[str, Standing]) -> Outcome:
    """A redelivery: the same event ids and time, the newest stored state; nothing where nothing was told."""
    assert item.decision is not None
    decision = item.decision
    if decision.outcome != SCORED_ANEW:
        return Produced(decision.outcome, subject=decision.subject)
    standing = known.get(decision.subject or "")
    if standing is None or standing.origin is None:
        return Rejected("state_missing", place="lead_scores")
    told = (decision.detail or {}).get("readiness")
    events: tuple[OutEvent, ...] = (_event(item, standing, decision.decided_at),)
    if told is not None:
        events = (*events, _readiness_event(item, told, decision.decided_at))
    return Produced(SCORED_ANEW, events, standing.lead_id)


def _event(item: InHand, standing: Standing, at: str) -> OutEvent:
    return STAGE.event(
        item.record, LeadScored.TYPE, topic=SCORED, key=standing.lead_id, data=standing.published(), time=at
    )


def _readiness(standing: Standing, weighed: Weighed, at: str) -> dict[str, Any]:
    """A transition as it is told, and stored to be told again."""
    names = ("sales_ready", "missing", "value", "fit", "engagement", "grade", "rules")
    score = {name: weighed.score[name] for name in names}
    return {"lead_id": standing.lead_id, **score, "score_version": standing.score_version, "changed_at": at}


def _readiness_event(item: InHand, told: Mapping[str, Any], at: str) -> OutEvent:
    data = orjson.dumps(told)
    return STAGE.event(item.record, ReadinessChanged.TYPE, topic=SCORED, key=told["lead_id"], data=data, time=at)


def _new_grades(outcomes: Sequence[Outcome]) -> Counter[str]:
    """The grades of new scores; redelivered ones, which have no detail, were counted before."""
    return Counter(o.detail["grade"] for o in outcomes if isinstance(o, Produced) and o.detail is not None)
