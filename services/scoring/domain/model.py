"""The scoring model: a YAML document of rules with points, their limits, and what the sums mean.

    kind: scoring
    name: b2b
    groups:
      seniority: {max: 30}
    grades: {by: fit, A: 75, B: 50, C: 25}
    rules:
      - {id: chief, group: seniority, points: 30, reason: Decides, when: {field: title, contains: CEO}}

An axis is the sum of its rules' points, each group held within its limits first, then the axis within its own.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from shared.contracts.lead_fields import LEAD_FIELDS, OPEN_PREFIXES
from shared.rules import (
    FieldCatalogue,
    LoadedRules,
    Rule,
    RuleFault,
    RuleModel,
    RuleSetHeader,
    expected,
    load_rule_document,
)

KIND: Final = "scoring"
MAX_POINTS: Final = 1000
MAX_RULES: Final = 2000
CATALOGUE: Final = FieldCatalogue(LEAD_FIELDS, OPEN_PREFIXES)

Axis = Literal["fit", "engagement"]
Grade = Literal["A", "B", "C", "D"]
Temperature = Literal["hot", "warm", "cold"]


def _require_points(value: Any) -> Any:
    if type(value) is not int or not 0 < abs(value) <= MAX_POINTS:
        raise expected(f"a whole number from -{MAX_POINTS} to {MAX_POINTS}, not 0")
    return value


def _require_least(value: Any) -> Any:
    if type(value) is not int or not -100 * MAX_POINTS <= value <= 0:
        raise expected("a whole number of 0 or less")
    return value


def _require_most(value: Any) -> Any:
    if type(value) is not int or not 0 <= value <= 100 * MAX_POINTS:
        raise expected("a whole number of 0 or more")
    return value


def _require_threshold(value: Any) -> Any:
    if type(value) is not int or not 0 <= value <= 200:
        raise expected("a whole number from 0 to 200")
    return value


def _require_bound(value: Any) -> Any:
    if type(value) is not int or not 0 <= value <= 100:
        raise expected("a whole number from 0 to 100")
    return value


Points = Annotated[int, BeforeValidator(_require_points), Field(ge=-MAX_POINTS, le=MAX_POINTS)]
Least = Annotated[int, BeforeValidator(_require_least), Field(le=0)]
Most = Annotated[int, BeforeValidator(_require_most), Field(ge=0)]
Threshold = Annotated[int, BeforeValidator(_require_threshold), Field(ge=0, le=200)]
Bound = Annotated[int, BeforeValidator(_require_bound), Field(ge=0, le=100)]
GroupName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]


class ScoringRule(Rule):
    """Points for every lead that meets the condition."""

    points: Points
    """Added when the condition holds; negative points take away."""
    axis: Axis = "fit"
    """`fit`: who they are. `engagement`: what they do."""
    group: GroupName | None = None
    """A group of rules whose points together stay within the limits given under `groups`."""
    reason: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """What people read beside the points. Absent: the rule's id."""


class GroupLimits(RuleModel):
    """The least and the most that the rules of a group give together. A group of which no rule holds gives 0, so 0 lies
    between them."""

    min: Least | None = None
    max: Most | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.min is None and self.max is None:
            raise expected("min or max")
        return self


class AxisLimits(RuleModel):
    """The range of an axis."""

    min: Bound = 0
    max: Bound = 100

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise expected("min below max")
        return self


class ScoreLimits(RuleModel):
    """The ranges of both axes; the score is their sum."""

    fit: AxisLimits = AxisLimits()
    engagement: AxisLimits = AxisLimits()


class Grades(RuleModel):
    """The least points for each letter; below C is D. `by` says which points: fit alone, or the whole score."""

    by: Literal["fit", "total"] = "fit"
    a: Threshold = Field(75, alias="A")
    b: Threshold = Field(50, alias="B")
    c: Threshold = Field(25, alias="C")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.a > self.b > self.c:
            raise expected("A above B above C")
        return self


class Temperatures(RuleModel):
    """The least score for hot and for warm; below warm is cold."""

    hot: Threshold = 60
    warm: Threshold = 30

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.hot <= self.warm:
            raise expected("hot above warm")
        return self


class ScoringModel(RuleSetHeader):
    """A scoring model. The order of its rules changes the explanation only, never the score."""

    kind: Literal["scoring"]
    name: Annotated[str, Field(min_length=1, max_length=64)] = KIND
    rules: Annotated[tuple[ScoringRule, ...], Field(max_length=MAX_RULES)]
    groups: Annotated[dict[GroupName, GroupLimits], Field(max_length=200)] = Field({})
    limits: ScoreLimits = ScoreLimits()
    grades: Grades = Grades()
    temperature: Temperatures = Temperatures()

    def find_faults(self) -> Iterable[RuleFault]:
        """Groups without limits, and groups whose rules are of both axes."""
        axes: dict[str, Axis] = {}
        for index, rule in enumerate(self.rules):
            yield from self._group_faults(rule, ("rules", index, "group"), axes)

    def _group_faults(
        self, rule: ScoringRule, path: tuple[str | int, ...], axes: dict[str, Axis]
    ) -> Iterator[RuleFault]:
        if rule.group is None:
            return
        if rule.group not in self.groups:
            yield RuleFault(path, "a group that stands under groups", "give its limits there", "an unknown one")
        if axes.setdefault(rule.group, rule.axis) != rule.axis:
            yield RuleFault(path, "a group whose rules are all of one axis", None, "one of both axes")


def load_scoring_model(text: str | bytes, file: str = "scoring.yaml") -> LoadedRules[ScoringModel]:
    """The checked model. Raises RuleFileError with file, line and column of every problem."""
    return load_rule_document(text, ScoringModel, file=file, catalogue=CATALOGUE)
