"""The parts of a scoring model: rules about leads and about what they do, limits of their sums, and what the sums mean."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from services.scoring.domain.behaviour import KEPT_DAYS
from services.scoring.domain.held_rate import HeldRate
from shared.rules import Rule, RuleModel, Text, expected

MAX_POINTS: Final = 1000
MAX_RULES: Final = 2000

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


def _require_days(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= KEPT_DAYS:
        raise expected(f"days, a number above 0 and not above {KEPT_DAYS}")
    return value


def _require_cap(value: Any) -> Any:
    if type(value) is not int or not 0 < value <= 100 * MAX_POINTS:
        raise expected("a whole number above 0")
    return value


def _require_kinds(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple) or not value:
        raise expected("a kind of event, such as page.viewed, or a list of kinds")
    return tuple(value)


Points = Annotated[int, BeforeValidator(_require_points), Field(ge=-MAX_POINTS, le=MAX_POINTS)]
Least = Annotated[int, BeforeValidator(_require_least), Field(le=0)]
Most = Annotated[int, BeforeValidator(_require_most), Field(ge=0)]
Threshold = Annotated[int, BeforeValidator(_require_threshold), Field(ge=0, le=200)]
Bound = Annotated[int, BeforeValidator(_require_bound), Field(ge=0, le=100)]
Days = Annotated[int | float, BeforeValidator(_require_days), Field(gt=0, le=KEPT_DAYS)]
Cap = Annotated[int, BeforeValidator(_require_cap), Field(gt=0)]
Kinds = Annotated[
    tuple[Text, ...],
    BeforeValidator(_require_kinds, json_schema_input_type=Text | tuple[Text, ...]),
    Field(min_length=1, max_length=100),
]
OncePer = Literal["event", "asset", "day", "ever"]
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


class Decay(RuleModel):
    """How an event's points fade with its age: to half after `half_life_days`, or evenly to nothing in `linear_days`."""

    half_life_days: Days | None = None
    linear_days: Days | None = None

    @model_validator(mode="after")
    def _in_one_way(self) -> Self:
        if (self.half_life_days is None) == (self.linear_days is None):
            raise expected("half_life_days or linear_days")
        return self


class BehaviourRule(Rule):
    """Points for what a lead does: for each event of the kind that meets the condition, machines' events aside."""

    event: Kinds
    """The kind of event, such as `page.viewed`, or a list of kinds."""
    points: Points
    """For one event, as long as it is fresh."""
    axis: Axis = "engagement"
    group: GroupName | None = None
    """As for other rules; the group is held within its limits with all its rules."""
    reason: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    once_per: OncePer = "event"
    """Of several events the newest counts: of each `asset` (material, mail, form, file or page), of each UTC `day`, or of
    all (`ever`). `event`: each counts."""
    cap: Cap | None = None
    """The most that the rule gives or takes altogether."""
    window_days: Days | None = None
    """Older events do not count. Absent: 400 days, after which events are forgotten."""
    decay: Decay | None = None
    """Absent: points stay until the window closes."""


AnyRule = ScoringRule | BehaviourRule


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


class TotalLimits(RuleModel):
    """The range of the score."""

    min: Threshold = 0
    max: Threshold = 200

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise expected("min below max")
        return self


class ScoreLimits(RuleModel):
    """The ranges of both axes, and of the score, which is their sum."""

    fit: AxisLimits = AxisLimits()
    engagement: AxisLimits = AxisLimits()
    total: TotalLimits = TotalLimits()


def _least(given: Mapping[str, Any], by_fit: int, by_total: int) -> int:
    return by_total if given.get("by") == "total" else by_fit


class Grades(RuleModel):
    """The least points for each letter; below C is D. `by` says which points: fit alone (75, 50 and 25 where nothing is
    said), or the whole score (50, 30, 10)."""

    by: Literal["fit", "total"] = "fit"
    a: Threshold = Field(default_factory=lambda given: _least(given, 75, 50), alias="A")
    b: Threshold = Field(default_factory=lambda given: _least(given, 50, 30), alias="B")
    c: Threshold = Field(default_factory=lambda given: _least(given, 25, 10), alias="C")
    hold: HeldRate | None = None
    """Absent: A is fixed. Else it moves within bounds, so that so many leads a day are A; not for a persona."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.a > self.b > self.c:
            raise expected("A above B above C")
        if self.hold is not None and not self.b < self.hold.floor <= self.a <= self.hold.ceiling:
            raise expected("A from floor to ceiling, and floor above B")
        if self.hold is not None and "a" not in self.model_fields_set:
            raise expected("A written beside hold")
        return self


class Levels(RuleModel):
    """The least engagement for the levels 1, 2 and 3; below is 4. Beside the grade it makes the matrix: A1 to D4."""

    first: Threshold = Field(75, alias="1")
    second: Threshold = Field(50, alias="2")
    third: Threshold = Field(25, alias="3")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.first > self.second > self.third:
            raise expected("1 above 2 above 3")
        return self


class Temperatures(RuleModel):
    """By `score`: the least score for hot and for warm. By `activity`: for how many days a lead is hot, and warm, after it
    came or did something last. Else it is cold."""

    by: Literal["score", "activity"] = "score"
    hot: Threshold = 60
    warm: Threshold = 30
    hot_days: Days = 7
    warm_days: Days = 30

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.hot <= self.warm:
            raise expected("hot above warm")
        if self.hot_days >= self.warm_days:
            raise expected("hot_days below warm_days")
        return self


class ReadyCriterion(Rule):
    """A fact that hand-over asks for."""

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """How people read what is missing. Absent: the id."""


class AccountScore(RuleModel):
    """The score of a company, of the scores of its leads: what is done with each axis, and the range of either."""

    fit: Literal["max", "mean"] = "max"
    engagement: Literal["sum", "max", "mean"] = "sum"
    max: Bound = 100
    """The most that an axis has."""


class LearnedFrom(RuleModel):
    """What a learned model says of the leads that it was learned from, so that it can be told when others come."""

    scores: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=10, max_length=10)]
    """How many of them had a score of 0 to 9, of 10 to 19, and so on; the last is 90 and more."""


class SalesReady(RuleModel):
    """When a lead is sales-ready: it can be reached, both axes reach their least points, and every criterion is met."""

    fit: Bound = 0
    engagement: Bound = 0
    """The least points of each axis."""
    criteria: Annotated[tuple[ReadyCriterion, ...], Field(max_length=100)] = ()
