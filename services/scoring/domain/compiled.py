"""A scoring model made ready: conditions to closures, rules to places in the sums, thresholds in order.

model = compile_model(load_scoring_model(text), version=3)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.scoring.domain.accounts import ACCOUNT_FIELDS
from services.scoring.domain.behaviour import DAY_MS
from services.scoring.domain.engagement import Behaviour, compile_behaviour
from services.scoring.domain.model import KIND, ScoringModel
from services.scoring.domain.parts import AccountScore, AnyRule, Axis, Grade, ScoringRule, Temperature, Temperatures
from services.scoring.domain.readiness import Readiness, compile_readiness, conditions_of
from services.scoring.domain.weighed import Contribution, Known
from services.scoring.domain.wording import say_condition
from shared.rules import (
    AllOf,
    Always,
    AnyCondition,
    AnyOf,
    Facts,
    FieldCondition,
    LoadedRules,
    NotOf,
    RuleIndex,
    Verdict,
    compile_rule,
    fields_asked,
    reader_of,
)

AXES: Final[tuple[Axis, ...]] = ("fit", "engagement")
_SHOWN_VALUES: Final = 5
_SHOWN_LENGTH: Final = 80

# holds, points, slot of the sum that the points go to, contribution; explain where the contribution depends on the lead.
Entry = tuple[Callable[[Facts], bool], int, int, Contribution, Callable[[Facts], Contribution] | None]


@dataclass(frozen=True, slots=True)
class Range:
    """Limits of a sum, and where what is kept of it goes."""

    name: str
    slot: int
    into: int
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """A published version of a model, ready to score. `see` reads of a lead's JSON what the rules ask about. `may_cool`: the
    score of a lead that does nothing may turn, by this model or a persona's."""

    used: Mapping[str, Any]
    entries: tuple[Entry, ...]
    behaviour: Behaviour
    groups: tuple[Range, ...]
    axes: tuple[Range, ...]
    total: Range
    grade_by_fit: bool
    grades: tuple[tuple[int, Grade], ...]
    levels: tuple[tuple[int, int], ...]
    temperatures: tuple[tuple[int, Temperature], ...]
    by_activity: bool
    may_cool: bool
    activity_ms: tuple[tuple[int, Temperature], ...]
    ready: Readiness | None
    index: "RuleIndex[Known]"
    account: AccountScore | None
    personas: tuple["CompiledPersona", ...]
    see: Callable[[bytes], Facts]

    @property
    def version(self) -> int:
        """The number that the version was published under."""
        return int(self.used["version"])


@dataclass(frozen=True, slots=True)
class CompiledPersona:
    """A model beside the document's, and whose it is."""

    name: str
    holds: Callable[[Facts], bool]
    model: CompiledModel


def compile_model(loaded: LoadedRules[ScoringModel], *, version: int) -> CompiledModel:
    """The model with its conditions compiled, under the number it was published with. Does not raise."""
    model = loaded.model
    used = {"kind": KIND, "name": model.name, "version": version, "content_hash": loaded.content_hash}
    return _compiled(model, used)


def _compiled(model: ScoringModel, used: Mapping[str, Any]) -> CompiledModel:
    every: tuple[AnyRule, ...] = (*model.rules, *model.behaviour)
    axis_of = {rule.group: rule.axis for rule in every if rule.group is not None}
    slots = {name: len(AXES) + index for index, name in enumerate(axis_of)}
    limits, warmth = model.limits, model.temperature
    asked, beside = [rule.when for rule in model.rules], conditions_of(model.sales_ready)
    return CompiledModel(
        used=used,
        entries=tuple(_entry(rule, slots) for rule in model.rules),
        behaviour=compile_behaviour(model.behaviour, lambda rule: _slot(rule, slots), _texts),
        groups=tuple(
            Range(name, slot, AXES.index(axis_of[name]), *_bounds(model.groups[name].min, model.groups[name].max))
            for name, slot in slots.items()
        ),
        axes=(
            Range("fit", 0, 0, limits.fit.min, limits.fit.max),
            Range("engagement", 1, 1, limits.engagement.min, limits.engagement.max),
        ),
        total=Range("total", 0, 0, limits.total.min, limits.total.max),
        grade_by_fit=model.grades.by == "fit",
        grades=((model.grades.a, "A"), (model.grades.b, "B"), (model.grades.c, "C")),
        levels=((model.levels.first, 1), (model.levels.second, 2), (model.levels.third, 3)),
        temperatures=((warmth.hot, "hot"), (warmth.warm, "warm")),
        by_activity=warmth.by == "activity",
        may_cool=any(each.by == "activity" for each in _every_temperature(model)),
        activity_ms=((int(warmth.hot_days * DAY_MS), "hot"), (int(warmth.warm_days * DAY_MS), "warm")),
        ready=compile_readiness(model.sales_ready),
        index=RuleIndex(asked, beside=beside),
        personas=tuple(
            CompiledPersona(each.id, compile_rule(each).holds, _compiled(model.model_of(each), used))
            for each in model.personas
        ),
        account=model.account,
        see=reader_of({*fields_asked(_every_condition(model)), *(ACCOUNT_FIELDS if model.account else ())}),
    )


def _every_temperature(model: ScoringModel) -> list[Temperatures]:
    return [model.temperature, *(model.model_of(each).temperature for each in model.personas)]


def _every_condition(model: ScoringModel) -> list[AnyCondition]:
    """What is asked of a lead, by the document or a persona of it."""
    found = [*(rule.when for rule in model.rules), *conditions_of(model.sales_ready)]
    for persona in model.personas:
        found += [persona.when, *_every_condition(model.model_of(persona))]
    return found


def _bounds(least: int | None, most: int | None) -> tuple[float, float]:
    return (float("-inf") if least is None else least, float("inf") if most is None else most)


def _slot(rule: AnyRule, slots: Mapping[str, int]) -> int:
    return slots[rule.group] if rule.group is not None else AXES.index(rule.axis)


def _texts(rule: AnyRule) -> list[str]:
    """Every condition of a rule in words."""
    return [say_condition(verdict) for verdict in compile_rule(rule).explain({}).conditions]


def _entry(rule: ScoringRule, slots: Mapping[str, int]) -> Entry:
    compiled = compile_rule(rule)
    slot, texts = _slot(rule, slots), _texts(rule)
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
