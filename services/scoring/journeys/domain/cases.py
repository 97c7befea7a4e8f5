"""Tests of journeys as data: a lead that enters, what it does on which day, and the steps that are expected.

kind: journeys-tests
cases:
  - name: Who opens the mail gets a gift
    journey: welcome
    lead: {email: a@example.com}
    did: [{kind: mail.opened, day: 1}]
    expect: {steps: [hello sent, pause waits, opened branched, gift offered, bye ended], ends: done}
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from services.scoring.journeys.domain.counting import count_kind
from services.scoring.journeys.domain.model import CATALOGUE, JourneyRules
from services.scoring.journeys.domain.running import Around, CompiledJourneys, Run, advance, begin, compile_journeys
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

_START: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
_MOST_TURNS: Final = 1000


class Did(RuleModel):
    """Something that the lead does so many days after it entered."""

    kind: Text
    day: Annotated[float, Field(ge=0, le=3650)] = 0.0


class JourneyExpectation(Expectation):
    """The steps with what was done there, in order; how and why it ends."""

    steps: tuple[Text, ...] = Field(default=ABSENT)
    ends: Literal["done", "exited"] = Field(default=ABSENT)
    reason: Text | None = Field(default=ABSENT)
    days: Annotated[int, Field(ge=0)] = Field(default=ABSENT)
    """Whole days from the first step to the end."""


class JourneyCase(RuleCase):
    """A lead as it is all the time."""

    beside: ClassVar[tuple[str, ...]] = ("score", "interest")

    journey: Text
    score: Given = {}
    interest: Given = {}
    segments: tuple[Text, ...] = ()
    did: Annotated[tuple[Did, ...], Field(max_length=1000)] = ()
    sent_before: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    """Channels by which something was sent the moment before, for caps."""
    expect: JourneyExpectation


class JourneyCases(RuleCases):
    """The document."""

    catalogue: ClassVar[FieldCatalogue] = CATALOGUE

    kind: Literal["journeys-tests"]
    cases: Annotated[tuple[JourneyCase, ...], Field(min_length=1, max_length=MAX_CASES)]


def run_cases(loaded: LoadedRules[JourneyRules], cases: JourneyCases) -> list[Mismatch]:
    """What the journeys do otherwise than the cases expect. Each wait ends on time."""
    rules = compile_journeys(loaded, version=0)
    wrong: list[Mismatch] = []
    for index, case in enumerate(cases.cases):
        if case.journey not in rules.journeys:
            wrong.append(Mismatch(case.name, ("cases", index, "journey"), "a journey of these rules", "another one"))
            continue
        outcome = _walk(case, rules)
        wrong += compare_outcome(case, index, case.expect.stated(), outcome, ", ".join(outcome["steps"]))
    return wrong


def _walk(case: JourneyCase, rules: CompiledJourneys) -> dict[str, Any]:
    now = _START
    run, _ = begin("lead", rules.journeys[case.journey], "case", now)
    sends = [(channel, now - timedelta(minutes=1)) for channel in case.sent_before]
    steps: list[str] = []
    for _ in range(_MOST_TURNS):
        steps += [
            f"{taken.step} {taken.action}" for taken in advance(run, rules, _around(case, run, sends, now), now=now)
        ]
        if run.state != "active" or run.due_at is None:
            break
        now = run.due_at
    return {"steps": steps, "ends": run.state, "reason": run.reason, "days": (now - _START).days}


def _around(case: JourneyCase, run: Run, sends: list[tuple[str, datetime]], now: datetime) -> Around:
    done: dict[str, Any] = {}
    for did in case.did:
        if run.entered_at + timedelta(days=did.day) <= now:
            count_kind(done, did.kind)
    facts: Mapping[str, Any] = {
        **facts_given(case.lead), "score": facts_given(case.score), "interest": facts_given(case.interest),
        "segments": list(case.segments), "did": done,
    }  # fmt: skip
    return Around(facts, sends)
