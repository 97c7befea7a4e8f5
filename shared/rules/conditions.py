"""Conditions as data: what a rule may ask about a lead's facts.

    when:
      all:
        - {field: company.employees, gte: 200}
        - any: [{field: title, contains: VP}, {field: title, matches: '^chief\\b'}]
        - not: {field: email.free, eq: true}

A field that is missing, null or of another kind than the value it is compared with makes its condition false, also for
`ne`, `not_in` and `not_contains`; only `exists: false`, `is_empty: true` and a surrounding `not` are true then.
Texts are compared by `fold_text`. `between` includes both ends. `contains` looks into a text or for an item of a list.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    model_serializer,
    model_validator,
)

from shared.rules.automaton import compile_pattern
from shared.rules.patterns import PatternError
from shared.rules.values import ABSENT, Number, RuleModel, Scalar, Scalars, Text, expected

MAX_CHILDREN = 1000

_FIELD_PATH = re.compile(r"^[^\s.]{1,60}(\.[^\s.]{1,60}){0,9}$")
_KINDS = {"all": "<all>", "any": "<any>", "not": "<not>", "always": "<always>", "field": "<field>"}


def _require_path(path: Any) -> Any:
    if isinstance(path, str) and not _FIELD_PATH.fullmatch(path):
        raise expected("a field such as title or company.employees")
    return path


def _require_order(bounds: tuple[Any, Any]) -> tuple[Any, Any]:
    if bounds[0] > bounds[1]:
        raise expected("the lower number first")
    return bounds


def _require_pattern(pattern: str) -> str:
    try:
        compile_pattern(pattern)
    except PatternError as error:
        raise expected(str(error)) from None
    return pattern


def _tidy_schema(schema: dict[str, Any]) -> None:
    """Tells editors that exactly one operator stands beside `field`."""
    properties: dict[str, Any] = schema["properties"]
    operators = [name for name in properties if name != "field"]
    for name in operators:
        properties[name].pop("default", None)
    schema["oneOf"] = [{"required": [name]} for name in operators]


FieldPath = Annotated[str, BeforeValidator(_require_path), Field(pattern=_FIELD_PATH.pattern)]


class FieldCondition(RuleModel):
    """`{field: company.employees, gte: 200}`: one field, one operator."""

    model_config = ConfigDict(json_schema_extra=_tidy_schema)

    field: FieldPath
    """Dotted path of the fact, such as `company.employees`."""
    eq: Scalar = Field(default=ABSENT)
    ne: Scalar = Field(default=ABSENT)
    in_: Scalars = Field(default=ABSENT, alias="in")
    not_in: Scalars = Field(default=ABSENT)
    gt: Number = Field(default=ABSENT)
    gte: Number = Field(default=ABSENT)
    lt: Number = Field(default=ABSENT)
    lte: Number = Field(default=ABSENT)
    between: Annotated[tuple[Number, Number], AfterValidator(_require_order)] = Field(default=ABSENT)
    """Lowest and highest value; both belong to the range."""
    contains: Scalar = Field(default=ABSENT)
    """Part of a text, or an item of a list."""
    not_contains: Scalar = Field(default=ABSENT)
    starts_with: Text = Field(default=ABSENT)
    ends_with: Text = Field(default=ABSENT)
    matches: Annotated[Text, AfterValidator(_require_pattern)] = Field(default=ABSENT)
    """A regular expression (no backreferences or look-around), found anywhere in the first 1,000 characters."""
    exists: StrictBool = Field(default=ABSENT)
    """Whether the field has a value other than null."""
    is_empty: StrictBool = Field(default=ABSENT)
    """Whether the field is missing, null, blank text or an empty list."""

    @model_validator(mode="after")
    def _has_one_operator(self) -> Self:
        if len(self.model_fields_set) != 2:
            raise expected("one operator beside field", hint="join several conditions with all")
        return self

    @model_serializer(mode="plain")
    def _as_written(self) -> dict[str, Any]:
        return {"field": self.field, self.operator: self.expected}

    @property
    def operator(self) -> str:
        """The operator as it is written, such as `gte` or `in`."""
        return self._operator_attribute.rstrip("_")

    @property
    def expected(self) -> Any:
        """What the operator compares with, as it is written in the rule."""
        return getattr(self, self._operator_attribute)

    @property
    def _operator_attribute(self) -> str:
        return next(name for name in self.model_fields_set if name != "field")


class Always(RuleModel):
    """`{always: true}`: the catch-all."""

    always: Literal[True]


class AllOf(RuleModel):
    """`{all: [...]}`: every condition is met."""

    all: "Annotated[tuple[Condition, ...], Field(min_length=1, max_length=MAX_CHILDREN)]"


class AnyOf(RuleModel):
    """`{any: [...]}`: at least one condition is met."""

    any: "Annotated[tuple[Condition, ...], Field(min_length=1, max_length=MAX_CHILDREN)]"


class NotOf(RuleModel):
    """`{not: {...}}`: the condition is not met; true where the field is missing."""

    not_: "Condition" = Field(alias="not")


def _kind_of_condition(value: Any) -> str | None:
    if isinstance(value, dict):
        return next((kind for key, kind in _KINDS.items() if key in value), None)
    return _KIND_OF_MODEL.get(type(value))


Condition = Annotated[
    Annotated[AllOf, Tag("<all>")]
    | Annotated[AnyOf, Tag("<any>")]
    | Annotated[NotOf, Tag("<not>")]
    | Annotated[Always, Tag("<always>")]
    | Annotated[FieldCondition, Tag("<field>")],
    Discriminator(
        _kind_of_condition,
        custom_error_type="expected",
        custom_error_message="a condition: field with an operator, all, any, not or always",
    ),
]
AnyCondition = AllOf | AnyOf | NotOf | Always | FieldCondition
_KIND_OF_MODEL: dict[type, str] = {
    AllOf: "<all>", AnyOf: "<any>", NotOf: "<not>", Always: "<always>", FieldCondition: "<field>",
}  # fmt: skip
ALWAYS = Always(always=True)

for _model in (AllOf, AnyOf, NotOf):
    _model.model_rebuild()
