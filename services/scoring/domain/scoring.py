"""The score of a lead: points of the rules that hold, held within their limits, and why.

    model = compile_model(load_scoring_model(text), version=3)
    score = compute_score(lead, model, now=now)

`value` = `fit` + `engagement` = the sum of the contributions' points + `clamp`, exactly. `clamp` is what the limits of
groups and axes added (positive) or took away (negative).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from services.scoring.domain.model import KIND, Axis, Grade, ScoringModel, ScoringRule, Temperature
from shared.contracts.envelope import rfc3339
from shared.contracts.lead_fields import facts_of
from shared.rules import (
    AllOf,
    Always,
    AnyCondition,
    AnyOf,
    ConditionVerdict,
    Facts,
    FieldCondition,
    LoadedRules,
    NotOf,
    Precedents,
    Verdict,
    compile_rule,
    fields_asked,
    reader_of,
)

Score = dict[str, Any]
Contribution = dict[str, Any]

_AXES: Final[tuple[Axis, ...]] = ("fit", "engagement")
_SHOWN_VALUES: Final = 5
_SHOWN_LENGTH: Final = 80


class Weighed(NamedTuple):
    """A score without its time. `json` is the score as JSON up to the quote that the time begins with; `summary` says it
    in short: points by rule."""

    score: Score
    json: bytes
    summary: Mapping[str, Any]

    def json_at(self, instant: str) -> bytes:
        """The whole score as JSON, as of an instant that is written as the contracts write it."""
        return b'%b%b"}' % (self.json, instant.encode())


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """A published version of a model, ready to score. `see` reads of a lead's JSON what the rules ask about."""

    used: Mapping[str, Any]
    entries: tuple["_Entry", ...]
    groups: tuple["_Range", ...]
    axes: tuple["_Range", ...]
    grade_by_fit: bool
    grades: tuple[tuple[int, Grade], ...]
    temperatures: tuple[tuple[int, Temperature], ...]
    precedents: Precedents[Weighed]
    see: Callable[[bytes], Facts]

    @property
    def version(self) -> int:
        """The number that the version was published under."""
        return int(self.used["version"])


# holds, points, slot of the sum that the points go to, contribution; explain where the contribution depends on the lead.
_Entry = tuple[Callable[[Facts], bool], int, int, Contribution, Callable[[Facts], Contribution] | None]


@dataclass(frozen=True, slots=True)
class _Range:
    slot: int
    into: int
    least: float
    most: float


def compile_model(loaded: LoadedRules[ScoringModel], *, version: int) -> CompiledModel:
    """The model with its conditions compiled, under the number it was published with. Does not raise."""
    model = loaded.model
    axis_of = {rule.group: rule.axis for rule in model.rules if rule.group is not None}
    slots = {name: len(_AXES) + index for index, name in enumerate(axis_of)}
    return CompiledModel(
        used={"kind": KIND, "name": model.name, "version": version, "content_hash": loaded.content_hash},
        entries=tuple(_entry(rule, slots) for rule in model.rules),
        groups=tuple(
            _Range(slot, _AXES.index(axis_of[name]), *_bounds(model.groups[name].min, model.groups[name].max))
            for name, slot in slots.items()
        ),
        axes=(
            _Range(0, 0, model.limits.fit.min, model.limits.fit.max),
            _Range(1, 1, model.limits.engagement.min, model.limits.engagement.max),
        ),
        grade_by_fit=model.grades.by == "fit",
        grades=((model.grades.a, "A"), (model.grades.b, "B"), (model.grades.c, "C")),
        temperatures=((model.temperature.hot, "hot"), (model.temperature.warm, "warm")),
        precedents=Precedents(rule.when for rule in model.rules),
        see=reader_of(fields_asked(rule.when for rule in model.rules)),
    )


def compute_score(lead: Mapping[str, Any], model: CompiledModel, *, now: datetime) -> Score:
    """The score of a lead's facts, as the `Score` contract has it. Contributions are shared between scores: read only.

    Never raises for any facts; a rule about a fact that is missing or of another kind does not hold.
    """
    return {**_score_without_time(facts_of(lead), model), "scored_at": rfc3339(now)}


def weigh(lead: Mapping[str, Any], model: CompiledModel) -> Weighed:
    """The same as `compute_score`, for any time, found again where an earlier lead met the same conditions."""
    return model.precedents.decide(_weigh_afresh, facts_of(lead), model)


def _weigh_afresh(facts: Facts, model: CompiledModel) -> Weighed:
    score = _score_without_time(facts, model)
    summary = {
        "score": score["value"],
        "grade": score["grade"],
        "points": {each["rule"]: each["points"] for each in score["contributions"]},
        "clamp": score["clamp"],
        "rules": model.version,
    }
    return Weighed(score, orjson.dumps(score)[:-1] + b',"scored_at":"', summary)


def _score_without_time(facts: Facts, model: CompiledModel) -> Score:
    sums = [0] * (len(_AXES) + len(model.groups))
    contributions: list[Contribution] = []
    for holds, points, slot, contribution, explain in model.entries:
        if holds(facts):
            sums[slot] += points
            contributions.append(contribution if explain is None else explain(facts))
    clamp = 0
    for limits in model.groups:
        points = sums[limits.slot]
        kept = _within(points, limits)
        sums[limits.into] += kept
        clamp += kept - points
    fit, engagement = _within(sums[0], model.axes[0]), _within(sums[1], model.axes[1])
    clamp += fit + engagement - sums[0] - sums[1]
    value = fit + engagement
    return {
        "value": value,
        "fit": fit,
        "engagement": engagement,
        "grade": _grade(fit if model.grade_by_fit else value, model),
        "temperature": _temperature(value, model),
        "contributions": contributions,
        "clamp": clamp,
        "rules": model.used,
    }


def _within(points: int, limits: _Range) -> int:
    if points > limits.most:
        return int(limits.most)
    return int(limits.least) if points < limits.least else points


def _bounds(least: int | None, most: int | None) -> tuple[float, float]:
    return (float("-inf") if least is None else least, float("inf") if most is None else most)


def _grade(points: int, model: CompiledModel) -> Grade:
    for least, grade in model.grades:
        if points >= least:
            return grade
    return "D"


def _temperature(value: int, model: CompiledModel) -> Temperature:
    for least, temperature in model.temperatures:
        if value >= least:
            return temperature
    return "cold"


def _entry(rule: ScoringRule, slots: Mapping[str, int]) -> _Entry:
    compiled = compile_rule(rule)
    slot = slots[rule.group] if rule.group is not None else _AXES.index(rule.axis)
    texts = [_text(verdict) for verdict in compiled.explain({}).conditions]
    contribution: Contribution = {
        "rule": rule.id,
        "axis": rule.axis,
        "points": rule.points,
        "reason": rule.reason or rule.id,
        "matched": texts,
    }
    explain = None if _says_the_same_whenever_met(rule.when) else _explaining(contribution, compiled.explain, texts)
    return compiled.holds, rule.points, slot, contribution, explain


def _explaining(
    contribution: Contribution, explain: Callable[[Facts], Verdict], texts: Sequence[str]
) -> Callable[[Facts], Contribution]:
    """The contribution with those conditions that this lead met; verdicts come in the order of `texts`."""

    def explained(facts: Facts) -> Contribution:
        met = [text for text, verdict in zip(texts, explain(facts).conditions, strict=True) if verdict.met]
        return {**contribution, "matched": met}

    return explained


def _says_the_same_whenever_met(condition: AnyCondition, *, negated: bool = False) -> bool:
    """Whether all its conditions are met when it holds: then its explanation is the same for every lead."""
    match condition:
        case NotOf():
            return _says_the_same_whenever_met(condition.not_, negated=not negated)
        case AllOf():
            children, joined = condition.all, not negated
        case AnyOf():
            children, joined = condition.any, negated
        case Always() | FieldCondition():
            return True
    return (joined or len(children) == 1) and all(
        _says_the_same_whenever_met(child, negated=negated) for child in children
    )


def _text(verdict: ConditionVerdict) -> str:
    """A condition in words: `title contains VP`. It quotes the rule, never the lead."""
    wanted = verdict.expected
    if isinstance(wanted, tuple):
        more = f" and {len(wanted) - _SHOWN_VALUES} more" if len(wanted) > _SHOWN_VALUES else ""
        joined = " and " if verdict.operator == "between" else ", "
        shown = joined.join(map(str, wanted[:_SHOWN_VALUES])) + more
    else:
        shown = str(wanted).lower() if isinstance(wanted, bool) else str(wanted)
    short = shown if len(shown) <= _SHOWN_LENGTH else shown[: _SHOWN_LENGTH - 1] + "…"
    return f"{'not ' if verdict.negated else ''}{verdict.field} {verdict.operator} {short}"
