"""Segment rules: a YAML document of named groups of leads, of what is counted for them, and of who is interested.

    kind: segments
    name: b2b
    counts:
      pricing_views: {kinds: [page.viewed], category: pricing, days: 30}
    interest:
      - {id: asks, class: interested, when: {field: activity.pricing_views, gte: 1}}
    segments:
      - {id: looks-at-prices, when: {field: activity.pricing_views, gte: 3}}

A count says how often something happened within the last days, up to this very second; machines' doings count nothing.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from shared.contracts.lead_fields import LEAD_FIELDS, OPEN_PREFIXES
from shared.rules import (
    FieldCatalogue,
    FieldCondition,
    LoadedRules,
    Rule,
    RuleFault,
    RuleModel,
    RuleSetHeader,
    Text,
    expected,
    load_rule_document,
)
from shared.rules.checking import walk

KIND: Final = "segments"
MAX_SEGMENTS: Final = 500
MAX_COUNTS: Final = 100
LONGEST_DAYS: Final = 3650
ACTIVITY: Final = "activity."
INTEREST: Final = "interest."
KNOWN_DAYS: Final = "known_days"

InterestClass: TypeAlias = Literal["interested", "not_now", "disinterested"]
INTEREST_CLASSES: Final = ("interested", "not_now", "disinterested")

CATALOGUE: Final = FieldCatalogue(
    {
        **LEAD_FIELDS,
        "score.value": "number",
        "score.fit": "number",
        "score.engagement": "number",
        "score.grade": "text",
        "score.temperature": "text",
        "interest.class": "text",
        "interest.reason": "text",
        KNOWN_DAYS: "number",
    },
    (*OPEN_PREFIXES, ACTIVITY),
)


def _require_days(value: Any) -> Any:
    if type(value) is not int or not 1 <= value <= LONGEST_DAYS:
        raise expected(f"a whole number of days from 1 to {LONGEST_DAYS}")
    return value


CountName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,59}$")]
KindName = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}(\.[a-z0-9_]{1,40}){0,3}$")]
Days = Annotated[int, BeforeValidator(_require_days), Field(ge=1, le=LONGEST_DAYS)]


class Count(RuleModel):
    """How often something happened within the last days."""

    kinds: Annotated[tuple[KindName, ...], Field(max_length=50)] = ()
    """Kinds of events, such as `page.viewed`. Absent: whatever the person did."""
    category: Text | None = None
    """Of pages: `pricing`, `product`, ..."""
    days: Days


class InterestRule(Rule):
    """A class for leads about whom nobody has said anything: the first one that holds."""

    interest: InterestClass = Field(alias="class")
    reason: Text | None = None


class Segment(Rule):
    """A named group: every lead that meets the condition, for as long as it does."""


class SegmentRules(RuleSetHeader):
    """The document."""

    first_match = ("interest",)

    kind: Literal["segments"]
    name: Annotated[str, Field(min_length=1, max_length=64)] = KIND
    counts: Annotated[dict[CountName, Count], Field(max_length=MAX_COUNTS)] = Field({})
    interest: Annotated[tuple[InterestRule, ...], Field(max_length=100)] = ()
    segments: Annotated[tuple[Segment, ...], Field(max_length=MAX_SEGMENTS)]

    def find_faults(self) -> Iterable[RuleFault]:
        """Counts that nothing says how to make, compared with what no count is; classes that rest on themselves."""
        for path, part in walk(self):
            if isinstance(part, FieldCondition):
                yield from self._count_faults(part, path)
                if path[0] == "interest" and part.field.startswith(INTEREST):
                    yield RuleFault((*path, "field"), "a field that does not depend on these rules", None, "interest")

    def _count_faults(self, part: FieldCondition, path: tuple[str | int, ...]) -> Iterator[RuleFault]:
        if not part.field.startswith(ACTIVITY):
            return
        if part.field.removeprefix(ACTIVITY) not in self.counts:
            yield RuleFault((*path, "field"), "a count that stands under counts", self._hint(), "an unknown one")
            return
        fault = FieldCatalogue({part.field: "number"}).find_fault(part)
        if fault is not None:
            yield RuleFault((*path, *fault.path), fault.expected, fault.hint, fault.found_kind, fault.at_key)

    def _hint(self) -> str:
        return f"counts are {', '.join(sorted(self.counts)[:10])}" if self.counts else "say there what is counted"


def load_segment_rules(text: str | bytes, file: str = "segments.yaml") -> LoadedRules[SegmentRules]:
    """The checked rules. Raises RuleFileError with file, line and column of every problem."""
    return load_rule_document(text, SegmentRules, file=file, catalogue=CATALOGUE)
