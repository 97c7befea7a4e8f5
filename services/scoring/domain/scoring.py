"""The score of a lead: points of the rules that hold, held within their limits, and why.

    model = compile_model(load_scoring_model(text), version=3)
    score = compute_score(lead, model, now=now, deeds=deeds)

`value` = the sum of the contributions' points + `clamp`, exactly. `clamp` is what caps of rules and limits of groups, axes and
the total added (positive) or took away (negative); `clamps` says which. What a lead did counts as of an instant; as it fades,
the score turns by itself, at `turns_ms`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from services.scoring.domain.behaviour import Deed, last_human_ms, ms_of
from services.scoring.domain.compiled import CompiledModel, Range, compile_model
from services.scoring.domain.engagement import Tally, tally
from services.scoring.domain.model import DEFAULT_PERSONA
from services.scoring.domain.parts import Grade, Temperature
from services.scoring.domain.readiness import Readiness
from services.scoring.domain.turning import first_turn
from services.scoring.domain.weighed import Contribution, Known, Score, Weighed
from shared.contracts.envelope import rfc3339
from shared.contracts.lead_fields import facts_of
from shared.rules import Facts

__all__ = ["CompiledModel", "Score", "Weighed", "compile_model", "compute_score", "weigh", "weigh_at"]

Clamps = list[dict[str, Any]]
_TURNING: Final = ("grade", "level", "temperature", "sales_ready")
"""What is told again when it changes by time alone."""


class _Limited(NamedTuple):
    fit: int
    engagement: int
    value: int


def compute_score(lead: Mapping[str, Any], model: CompiledModel, *, now: datetime, deeds: Sequence[Deed] = ()) -> Score:
    """The score of a lead's facts, as the `Score` contract has it, with every rule tried. Contributions are shared between
    scores: read only.

    Never raises for any facts; a rule about a fact that is missing or of another kind does not hold.
    """
    now_ms = ms_of(now)
    facts = facts_of(lead)

    def weigh_by(each: CompiledModel) -> Weighed:
        return _weigh_known(_know(facts, each, range(len(each.entries))), each, deeds, now_ms, now_ms)

    return {**_by_persona(facts, model, weigh_by).score, "scored_at": rfc3339(now)}


def weigh(lead: Mapping[str, Any], model: CompiledModel) -> Weighed:
    """The same for a lead that did nothing, for any time, found again where an earlier lead met the same conditions."""
    facts = facts_of(lead)
    if not model.personas:
        return _known(facts, model).weighed
    return _by_persona(facts, model, lambda each: _known(facts, each).weighed)


def weigh_at(
    lead: Mapping[str, Any],
    model: CompiledModel,
    deeds: Sequence[Deed],
    *,
    now_ms: int,
    came_ms: int,
    looks_ahead: bool = True,
) -> Weighed:
    """The same as of an instant, for a lead that did this (the newest first) and came at `came_ms`. Without `looks_ahead` it
    is not asked when points turn the score, which costs the most."""
    facts = facts_of(lead)

    def weigh_by(each: CompiledModel) -> Weighed:
        return _weigh_known(_known(facts, each), each, deeds, now_ms, came_ms, looks_ahead=looks_ahead)

    return _by_persona(facts, model, weigh_by)


def _weigh_known(
    known: Known, model: CompiledModel, deeds: Sequence[Deed], now_ms: int, came_ms: int, *, looks_ahead: bool = True
) -> Weighed:
    if not deeds and not model.by_activity:
        return known.weighed
    return _with_deeds(known, model, deeds, now_ms, came_ms, looks_ahead=looks_ahead)


def _by_persona(facts: Facts, model: CompiledModel, weigh_by: Callable[[CompiledModel], Weighed]) -> Weighed:
    """The score by the model of the lead's persona, and beside it what every model gives."""
    if not model.personas:
        return weigh_by(model)
    every = {DEFAULT_PERSONA: weigh_by(model), **{each.name: weigh_by(each.model) for each in model.personas}}
    persona = next((each.name for each in model.personas if each.holds(facts)), DEFAULT_PERSONA)
    names = ("value", "fit", "engagement", "grade", "temperature")
    models = [{"persona": name, **{part: weighed.score[part] for part in names}} for name, weighed in every.items()]
    chosen = every[persona]
    score = {**chosen.score, "persona": persona, "models": models}
    return _written(score, {**chosen.summary, "persona": persona}, chosen.turns_ms)


def labels_of(score: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is told again when it changes by time alone."""
    return tuple(score.get(name) for name in _TURNING)


def _known(facts: Facts, model: CompiledModel) -> Known:
    """What was made of an earlier lead that met the same conditions, else what is made of this one."""
    part = model.index.of(facts)
    return part.precedents.decide(_know, facts, model, part.places)


def _know(facts: Facts, model: CompiledModel, places: Sequence[int]) -> Known:
    """By the rules at these places: those that can hold at all, in order."""
    sums = [0] * (2 + len(model.groups))
    contributions: list[Contribution] = []
    for place in places:
        holds, points, slot, contribution, explain = model.entries[place]
        if holds(facts):
            sums[slot] += points
            contributions.append(contribution if explain is None else explain(facts))
    clamps: Clamps = []
    limited = _limit(list(sums), model, clamps)
    unmet = () if model.ready is None else model.ready.missing_of(facts)
    score = _score(limited, _temperature(limited.value, model), contributions, clamps, model, unmet)
    return Known(tuple(sums), contributions, unmet, _weighed(score, model, None))


def _with_deeds(
    known: Known, model: CompiledModel, deeds: Sequence[Deed], now_ms: int, came_ms: int, *, looks_ahead: bool
) -> Weighed:
    tallies = tally(deeds, model.behaviour, now_ms)
    if not tallies and not model.by_activity:
        return known.weighed
    raw = [each.raw_at(now_ms) for each in tallies]
    points = [each.capped(worth) for each, worth in zip(tallies, raw, strict=True)]
    clamps = _caps(tallies, raw, points)
    limited = _limit(_sums(known, tallies, points), model, clamps)
    active_ms = max(came_ms, last_human_ms(deeds) or came_ms)
    if model.by_activity:
        temperature, cools_ms = _by_activity(model, active_ms, now_ms)
    else:
        temperature, cools_ms = _temperature(limited.value, model), None
    given = (each.contribution_at(now_ms, worth) for each, worth in zip(tallies, raw, strict=True) if worth)
    contributions = [*known.contributions, *given]
    turns_ms = first_turn(tallies, _labels(known, tallies, model), now_ms) if looks_ahead else None
    score = _score(limited, temperature, contributions, clamps, model, known.unmet)
    return _weighed(score, model, min((each for each in (turns_ms, cools_ms) if each is not None), default=None))


def _labels(known: Known, tallies: Sequence[Tally], model: CompiledModel) -> Callable[[Sequence[int]], tuple[Any, ...]]:
    """What points of behaviour make of a lead, as far as it is told again."""

    def labels(points: Sequence[int]) -> tuple[Any, ...]:
        limited = _limit(_sums(known, tallies, points), model, [])
        temperature = None if model.by_activity else _temperature(limited.value, model)
        ready = model.ready is not None and not _missing(known.unmet, limited, model.ready)
        return _grade(limited, model), _level(limited.engagement, model), temperature, ready

    return labels


def _sums(known: Known, tallies: Sequence[Tally], points: Iterable[int]) -> list[int]:
    sums = list(known.sums)
    for each, worth in zip(tallies, points, strict=True):
        sums[each.entry.slot] += worth
    return sums


def _caps(tallies: Sequence[Tally], raw: Sequence[int], points: Sequence[int]) -> Clamps:
    found = ((each, kept - worth) for each, worth, kept in zip(tallies, raw, points, strict=True))
    return [{"of": "rule", "name": each.entry.contribution["rule"], "points": cut} for each, cut in found if cut]


def _limit(sums: list[int], model: CompiledModel, clamps: Clamps) -> _Limited:
    """Both axes and the value within all limits; what each limit changed is added to `clamps`. Uses `sums` up."""
    for limits in model.groups:
        sums[limits.into] += _within(sums[limits.slot], limits, "group", clamps)
    fit = _within(sums[0], model.axes[0], "axis", clamps)
    engagement = _within(sums[1], model.axes[1], "axis", clamps)
    return _Limited(fit, engagement, _within(fit + engagement, model.total, "total", clamps))


def _within(points: int, limits: Range, of: str, clamps: Clamps) -> int:
    if limits.least <= points <= limits.most:
        return points
    kept = int(limits.most if points > limits.most else limits.least)
    clamps.append({"of": of, "name": limits.name, "points": kept - points})
    return kept


def _score(
    limited: _Limited,
    temperature: Temperature,
    contributions: list[Contribution],
    clamps: Clamps,
    model: CompiledModel,
    unmet: tuple[str, ...],
) -> Score:
    grade, level = _grade(limited, model), _level(limited.engagement, model)
    score: Score = {
        "value": limited.value,
        "fit": limited.fit,
        "engagement": limited.engagement,
        "grade": grade,
        "temperature": temperature,
        "contributions": contributions,
        "clamp": sum(each["points"] for each in clamps),
        "level": level,
        "matrix": f"{grade}{level}",
    }
    if clamps:
        score["clamps"] = clamps
    if model.ready is not None:
        missing = _missing(unmet, limited, model.ready)
        score["sales_ready"], score["missing"] = not missing, missing
    score["rules"] = model.used
    return score


def _missing(unmet: tuple[str, ...], limited: _Limited, ready: Readiness) -> list[str]:
    return ready.missing_with(unmet, limited.fit, limited.engagement)


def _weighed(score: Score, model: CompiledModel, turns_ms: int | None) -> Weighed:
    summary = {
        "score": score["value"],
        "grade": score["grade"],
        "points": {each["rule"]: each["points"] for each in score["contributions"]},
        "clamp": score["clamp"],
        "rules": model.version,
    }
    return _written(score, summary, turns_ms)


def _written(score: Score, summary: Mapping[str, Any], turns_ms: int | None) -> Weighed:
    return Weighed(score, orjson.dumps(score)[:-1] + b',"scored_at":"', summary, turns_ms)


def _grade(limited: _Limited, model: CompiledModel) -> Grade:
    points = limited.fit if model.grade_by_fit else limited.value
    for least, grade in model.grades:
        if points >= least:
            return grade
    return "D"


def _level(engagement: int, model: CompiledModel) -> int:
    for least, level in model.levels:
        if engagement >= least:
            return level
    return 4


def _temperature(value: int, model: CompiledModel) -> Temperature:
    for least, temperature in model.temperatures:
        if value >= least:
            return temperature
    return "cold"


def _by_activity(model: CompiledModel, active_ms: int, now_ms: int) -> tuple[Temperature, int | None]:
    """The temperature by the time since the lead did something, and when it is a lower one."""
    for longest_ms, temperature in model.activity_ms:
        if now_ms < active_ms + longest_ms:
            return temperature, active_ms + longest_ms
    return "cold", None
