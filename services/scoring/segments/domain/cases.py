"""Tests of segment rules as data: a lead, what it did, and the segments that are expected.

kind: segments-tests
cases:
  - name: Somebody who looks at prices
    lead: {title: CEO}
    did: [{kind: page.viewed, category: pricing, days_ago: 2, times: 3}]
    expect: {segments: [looks-at-prices]}
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Literal

import orjson
from pydantic import Field

from services.scoring.segments.domain.happenings import Happening
from services.scoring.segments.domain.membership import Found, Interest, Known, compile_segments, find_segments
from services.scoring.segments.domain.model import CATALOGUE, InterestClass, SegmentRules
from shared.rules import ABSENT, FieldCatalogue, LoadedRules, RuleModel, Text
from shared.rules.cases import (
    MAX_CASES,
    Expectation,
    Given,
    Mismatch,
    RuleCase,
    RuleCases,
    compare_outcome,
    facts_given,
)

_NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Did(RuleModel):
    """Something that the lead did, so many days ago."""

    kind: Text
    category: Text | None = None
    days_ago: Annotated[float, Field(ge=0, le=3650)] = 0.0
    times: Annotated[int, Field(ge=1, le=1000)] = 1


class Said(RuleModel):
    """What somebody said of the lead's interest."""

    interest: InterestClass = Field(alias="class")
    reason: Text = "unsaid"


class SegmentExpectation(Expectation):
    """The segments, and the class of interest."""

    segments: tuple[Text, ...] = Field(default=ABSENT)
    """All of them, in any order."""
    without: tuple[Text, ...] = Field(default=ABSENT)
    """Segments that the lead does not belong to."""
    interest: InterestClass | None = Field(default=ABSENT)


class SegmentCase(RuleCase):
    """A lead with its score, what it did and said, and for how many days it has been known."""

    beside: ClassVar[tuple[str, ...]] = ("score",)

    score: Given = {}
    did: Annotated[tuple[Did, ...], Field(max_length=1000)] = ()
    said: Said | None = None
    known_days: Annotated[int, Field(ge=0, le=3650)] = 0
    expect: SegmentExpectation


class SegmentCases(RuleCases):
    """The document."""

    catalogue: ClassVar[FieldCatalogue] = CATALOGUE

    kind: Literal["segments-tests"]
    cases: Annotated[tuple[SegmentCase, ...], Field(min_length=1, max_length=MAX_CASES)]


def run_cases(loaded: LoadedRules[SegmentRules], cases: SegmentCases) -> list[Mismatch]:
    """What the rules do otherwise than the cases expect."""
    rules = compile_segments(loaded, version=0)
    wrong: list[Mismatch] = []
    for index, case in enumerate(cases.cases):
        since = _NOW - timedelta(days=case.known_days)
        found = find_segments(_known(case), since, rules, now=_NOW)
        wrong += compare_outcome(case, index, _stated(case), _outcome(found, case), ", ".join(found.segments) or "none")
    return wrong


def _known(case: SegmentCase) -> Known:
    happenings = [each for did in case.did for each in _happenings(did)]
    said = None if case.said is None else Interest(case.said.interest, case.said.reason)
    return Known(orjson.dumps(facts_given(case.lead)), orjson.dumps(facts_given(case.score)), happenings, said)


def _happenings(did: Did) -> Iterator[Happening]:
    at = _NOW - timedelta(days=did.days_ago)
    return (Happening(did.kind, did.category, at) for _ in range(did.times))


def _stated(case: SegmentCase) -> dict[str, Any]:
    stated = case.expect.stated()
    return {name: sorted(value) if isinstance(value, list) else value for name, value in stated.items()}


def _outcome(found: Found, case: SegmentCase) -> dict[str, Any]:
    without = [segment for segment in case.expect.without or () if segment not in found.segments]
    interest = None if found.interest is None else found.interest.interest
    return {"segments": sorted(found.segments), "without": sorted(without), "interest": interest}
