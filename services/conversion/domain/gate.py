"""The hand-off gate: which leads sales takes. A score or grade, and required facts, each with a name for people."""

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Protocol, TypeAlias, TypedDict

import msgspec
from pydantic import Field

from shared.contracts.lead_fields import LEAD_FIELDS, OPEN_PREFIXES, facts_of
from shared.rules import (
    Facts,
    FieldCatalogue,
    FieldCondition,
    LoadedRules,
    Rule,
    RuleSetHeader,
    Text,
    compile_rule,
    load_rule_document,
)
from shared.rules.checking import walk

KIND: Final = "gate"

CATALOGUE: Final = FieldCatalogue(
    {
        "score.value": "number",
        "score.fit": "number",
        "score.engagement": "number",
        "score.grade": "text",
        "score.temperature": "text",
        "score.level": "number",
        "score.matrix": "text",
        "score.sales_ready": "boolean",
        "score.persona": "text",
        "assignment.owner": "text",
        "assignment.queue": "text",
        **LEAD_FIELDS,
    },
    OPEN_PREFIXES,
)

LEAD: Final = "lead"
OPEN: Final = "open"
_AMOUNTS: Final = ("budget.", "company.annual_revenue.")


class Criterion(Rule):
    """One required fact."""

    name: Text
    """What people read when it is missing, such as `an e-mail address or a phone number`."""
    identity: bool = False
    """Also required of a lead that is converted by command, whatever its score."""


class HandOffGate(RuleSetHeader):
    """Every criterion must be met. No score, no grades, no criteria: every lead is converted."""

    kind: Literal["gate"]
    name: Text = "default"
    min_score: Annotated[int, Field(ge=0, le=200)] | None = None
    """The least `score.value` (fit + engagement)."""
    grades: tuple[Literal["A", "B", "C", "D"], ...] = ()
    """The grades that may pass; empty: every grade."""
    criteria: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """A compiled gate and the version that it came from (`RulesUsed` as a dict). `see` reads of a `lead.routed` what this
    gate asks about (`Seen`)."""

    criteria: tuple[tuple[Criterion, Any], ...]
    rules: dict[str, Any]
    every_name: tuple[str, ...]
    asks_amounts: bool
    see: Callable[[bytes], Any]


class Seen(Protocol):
    """What a gate sees of a lead: the fields that it asks about, `lead_id`, and the versions."""

    lead: dict[str, Any]
    lead_version: int
    score: dict[str, Any] | None
    score_version: int
    assignment: dict[str, Any] | None
    assignment_version: int
    origin: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Open:
    """Every criterion is met."""

    met: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Closed:
    """The names of the criteria that are not met, in the order of the gate."""

    missing: tuple[str, ...]


Passage: TypeAlias = Open | Closed


def load_gate(text: str | bytes, file: str) -> LoadedRules[HandOffGate]:
    """A gate document, checked. Raises RuleFileError."""
    return load_rule_document(text, HandOffGate, file=file, catalogue=CATALOGUE)


def compile_gate(gate: HandOffGate, rules: dict[str, Any]) -> Gate:
    """The gate as closures. `rules` names the version in what is published."""
    every = (*_score_criteria(gate), *gate.criteria)
    asked = {part.field for criterion in every for _, part in walk(criterion) if isinstance(part, FieldCondition)}
    return Gate(
        tuple((criterion, compile_rule(criterion).holds) for criterion in every),
        rules,
        tuple(criterion.name for criterion in every),
        asks_amounts=any(field.startswith(_AMOUNTS) for field in asked),
        see=_reader_of(asked),
    )


def _reader_of(asked: Set[str]) -> Callable[[bytes], Any]:
    """Reads those fields of a `lead.routed` and checks the form of all of it. Raises msgspec.DecodeError."""

    def fields(part: str) -> set[str]:
        return {field.split(".")[1] for field in asked if field.startswith(f"{part}.")}

    lead = {field.partition(".")[0] for field in asked} - {"score", "assignment"} | {"state"}
    parts = [
        ("lead", _some_of(lead)),
        ("lead_version", int),
        ("score", _some_of(fields("score")) | None),
        ("score_version", int),
        ("assignment", _some_of(fields("assignment") | {"work"}) | None),
        ("assignment_version", int),
        ("origin", _some_of(()) | None),
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Seen", parts, gc=False)).decode


def _some_of(names: Iterable[str]) -> Any:
    """A dict that is read with these fields and `lead_id`, where they are there; others are passed over."""
    return TypedDict("_SomeOf", dict.fromkeys((*names, "lead_id"), Any), total=False)  # type: ignore[operator]


def _score_criteria(gate: HandOffGate) -> Iterator[Criterion]:
    if gate.min_score is not None:
        when = FieldCondition(field="score.value", gte=gate.min_score)
        yield Criterion(id="min-score", name=f"a score of {gate.min_score} or more", when=when)
    if gate.grades:
        grades = FieldCondition.model_validate({"field": "score.grade", "in": gate.grades})
        yield Criterion(id="grades", name=f"grade {' or '.join(gate.grades)}", when=grades)


def judge(seen: Seen, gate: Gate, *, identity_only: bool = False) -> Passage:
    """Whether this lead may pass. `identity_only`: what even a conversion by command needs."""
    if not identity_only and (why := _held(seen)) is not None:
        return Closed((why,))
    facts = {**seen.lead, "score": seen.score, "assignment": seen.assignment}
    return check_gate(facts_of(facts) if gate.asks_amounts else facts, gate, identity_only=identity_only)


def _held(seen: Seen) -> str | None:
    """What keeps a lead from being converted by itself whatever the gate says; a person can convert it all the same."""
    if seen.lead.get("state", LEAD) != LEAD:
        return "a response: it was only listed"
    work = seen.assignment.get("work") if seen.assignment is not None else None
    if isinstance(work, dict) and work.get("status", OPEN) != OPEN:
        return "open work: it was laid aside"
    return None


def check_gate(facts: Facts, gate: Gate, *, identity_only: bool = False) -> Passage:
    """Whether a lead of these facts may pass: the lead with its amounts as numbers, `score` and `assignment` beside."""
    missing = [
        criterion.name
        for criterion, holds in gate.criteria
        if (criterion.identity or not identity_only) and not holds(facts)
    ]
    if missing:
        return Closed(tuple(missing))
    if not identity_only:
        return Open(gate.every_name)
    return Open(tuple(criterion.name for criterion, _ in gate.criteria if criterion.identity))
