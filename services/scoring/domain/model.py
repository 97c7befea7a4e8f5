"""The scoring model: a YAML document of rules with points, their limits, and what the sums mean.

    kind: scoring
    name: b2b
    groups:
      seniority: {max: 30}
    grades: {by: fit, A: 75, B: 50, C: 25}
    rules:
      - {id: chief, group: seniority, points: 30, reason: Decides, when: {field: title, contains: CEO}}

An axis is the sum of its rules' points, each group held within its limits first, then the axis within its own. What leads do
scores under `behaviour`:

    behaviour:
      - {id: prices, event: page.viewed, when: {field: event.category, eq: pricing}, points: 10, once_per: day, cap: 30,
         window_days: 90, decay: {half_life_days: 30}}
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from services.scoring.domain.behaved import EVENT_FIELDS
from services.scoring.domain.parts import (
    MAX_RULES,
    AccountScore,
    AnyRule,
    Axis,
    BehaviourRule,
    Grades,
    GroupLimits,
    GroupName,
    LearnedFrom,
    Levels,
    SalesReady,
    ScoreLimits,
    ScoringRule,
    Temperatures,
)
from shared.contracts.lead_fields import LEAD_FIELDS, OPEN_PREFIXES
from shared.rules import (
    ABSENT,
    FieldCatalogue,
    LoadedRules,
    Rule,
    RuleFault,
    RuleSetHeader,
    fields_asked,
    load_rule_document,
)
from shared.rules.problems import Path, render_path

KIND: Final = "scoring"
_EVENT: Final = "event."
CATALOGUE: Final = FieldCatalogue(
    {**LEAD_FIELDS, **{f"{_EVENT}{name}": kind for name, kind in EVENT_FIELDS.items()}}, OPEN_PREFIXES
)
MAX_PERSONAS: Final = 20
DEFAULT_PERSONA: Final = "default"
RESERVED_CRITERIA: Final = ("contactable", "fit", "engagement")

Rules = Annotated[tuple[ScoringRule, ...], Field(max_length=MAX_RULES)]
BehaviourRules = Annotated[tuple[BehaviourRule, ...], Field(max_length=MAX_RULES)]
Groups = Annotated[dict[GroupName, GroupLimits], Field(max_length=200)]


class Persona(Rule):
    """A model for some kind of person: what stands here replaces that part of the document, whose other parts hold as well.
    Every lead is scored by every model; the first persona whose condition holds is the lead's, and its score the one that drives
    routing."""

    rules: Rules = Field(default=ABSENT)
    behaviour: BehaviourRules = Field(default=ABSENT)
    groups: Groups = Field(default=ABSENT)
    limits: ScoreLimits = Field(default=ABSENT)
    grades: Grades = Field(default=ABSENT)
    levels: Levels = Field(default=ABSENT)
    temperature: Temperatures = Field(default=ABSENT)
    sales_ready: SalesReady = Field(default=ABSENT)

    def own_parts(self) -> set[str]:
        """Names of the parts that it replaces."""
        return self.model_fields_set & _PARTS


_PARTS: Final = frozenset(Persona.model_fields) - frozenset(Rule.model_fields)


class ScoringModel(RuleSetHeader):
    """A scoring model. The order of its rules changes the explanation only, never the score."""

    first_match: ClassVar[tuple[str, ...]] = ("personas",)

    kind: Literal["scoring"]
    name: Annotated[str, Field(min_length=1, max_length=64)] = KIND
    rules: Rules
    behaviour: BehaviourRules = ()
    groups: Groups = Field({})
    limits: ScoreLimits = ScoreLimits()
    grades: Grades = Grades()
    levels: Levels = Levels()
    temperature: Temperatures = Temperatures()
    sales_ready: SalesReady | None = None
    """Absent: nobody says when a lead is sales-ready, and no score says whether."""
    account: AccountScore | None = None
    """Absent: leads are not brought together by company."""
    learned: LearnedFrom | None = None
    """Of a learned model: live scores are watched against those that it was learned from."""
    personas: Annotated[tuple[Persona, ...], Field(max_length=MAX_PERSONAS)] = ()
    """Models beside this one, for kinds of people."""

    def model_of(self, persona: Persona) -> "ScoringModel":
        """The whole model that a persona stands for."""
        return self.model_copy(
            update={"personas": (), **{name: getattr(persona, name) for name in persona.own_parts()}}
        )

    def find_faults(self) -> Iterable[RuleFault]:
        """Groups without limits, groups whose rules are of both axes, ids that both lists use, and conditions of the one
        list that ask what only the other can know; the same of every persona."""
        yield from self._own_faults()
        for index, persona in enumerate(self.personas):
            yield from self._persona_faults(persona, ("personas", index))

    def find_warnings(self) -> Iterable[tuple[Path, str]]:
        """A document without any rule, in itself and in its personas."""
        of_personas = any(persona.rules or persona.behaviour for persona in self.personas)
        if not (self.rules or self.behaviour or of_personas):
            yield ("rules",), "no lead will ever get a point: there is no rule here, under behaviour or in a persona"

    def _persona_faults(self, persona: Persona, path: Path) -> Iterator[RuleFault]:
        yield from _field_faults(persona, (*path, "when"))
        if persona.id == DEFAULT_PERSONA:
            yield RuleFault((*path, "id"), "another id", f"{DEFAULT_PERSONA} is the document itself", "a reserved one")
        if persona.grades is not None and persona.grades.hold is not None:
            yield RuleFault(
                (*path, "grades", "hold"), "a fixed A", "the document's own rate alone can be held", "a held rate"
            )
        own = persona.own_parts()
        for fault in self.model_of(persona)._own_faults():
            part = str(fault.path[0])
            if part in own:
                yield replace(fault, path=(*path, *fault.path))
            elif own & {"rules", "behaviour", "groups"}:
                # What it takes over does not go with what it brings along.
                yield replace(fault, path=path, hint=f"{render_path(fault.path)} of the document holds here as well")

    def _own_faults(self) -> Iterator[RuleFault]:
        axes: dict[str, Axis] = {}
        taken = {rule.id for rule in self.rules}
        yield from self._readiness_faults()
        for path, rule in self._every_rule():
            yield from self._group_faults(rule, (*path, "group"), axes)
            yield from _field_faults(rule, (*path, "when"))
            if isinstance(rule, BehaviourRule) and rule.id in taken:
                yield RuleFault((*path, "id"), "an id that is used once", "it stands under rules", "a duplicate")

    def _readiness_faults(self) -> Iterator[RuleFault]:
        for index, criterion in enumerate(self.sales_ready.criteria if self.sales_ready else ()):
            path: Path = ("sales_ready", "criteria", index)
            yield from _field_faults(criterion, (*path, "when"))
            if criterion.id in RESERVED_CRITERIA:
                hint = f"{', '.join(RESERVED_CRITERIA)} are asked for anyway"
                yield RuleFault((*path, "id"), "another id", hint, "a reserved one")

    def _every_rule(self) -> Iterator[tuple[Path, AnyRule]]:
        yield from ((("rules", index), rule) for index, rule in enumerate(self.rules))
        yield from ((("behaviour", index), rule) for index, rule in enumerate(self.behaviour))

    def _group_faults(self, rule: AnyRule, path: Path, axes: dict[str, Axis]) -> Iterator[RuleFault]:
        if rule.group is None:
            return
        if rule.group not in self.groups:
            yield RuleFault(path, "a group that stands under groups", "give its limits there", "an unknown one")
        if axes.setdefault(rule.group, rule.axis) != rule.axis:
            yield RuleFault(path, "a group whose rules are all of one axis", None, "one of both axes")


def _field_faults(rule: Rule, path: Path) -> Iterator[RuleFault]:
    of_events = isinstance(rule, BehaviourRule)
    if all(field.startswith(_EVENT) == of_events for field in fields_asked([rule.when])):
        return
    if of_events:
        yield RuleFault(path, "fields of the event, such as event.category", "ask about the lead under rules", "others")
    else:
        yield RuleFault(path, "fields of the lead", "rules about events stand under behaviour", "fields of an event")


def load_scoring_model(text: str | bytes, file: str = "scoring.yaml") -> LoadedRules[ScoringModel]:
    """The checked model. Raises RuleFileError with file, line and column of every problem."""
    return load_rule_document(text, ScoringModel, file=file, catalogue=CATALOGUE)
