"""Journeys: a YAML document of what is sent to leads that enter a segment, step by step, and how often at most.

    kind: journeys
    caps: [{channel: email, most: 2, days: 7}]
    journeys:
      - id: welcome
        segment: nurture
        steps:
          - {id: hello, send: {channel: email, template: welcome, subject: Hello, text: Good to meet you.}}
          - {id: pause, wait: {days: 3}}
          - {id: opened, branch: {when: {field: did.mail.opened, gte: 1}, then: gift, else: bye}}
          - {id: gift, offer: {channel: email, template: gift, text: 'Your code: {code}', valid_days: 30}}
          - {id: bye, end: true}

Steps follow one another; branches lead forward only, so that every journey ends.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from shared.contracts.lead_fields import LEAD_FIELDS, OPEN_PREFIXES
from shared.rules import (
    ABSENT,
    Condition,
    FieldCatalogue,
    LoadedRules,
    RuleFault,
    RuleModel,
    RuleSetHeader,
    Text,
    expected,
    load_rule_document,
)
from shared.rules.ruleset import RuleId

KIND: Final = "journeys"
MAX_JOURNEYS: Final = 200
MAX_STEPS: Final = 100
DID: Final = "did."

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
        "segments": "list",
    },
    (*OPEN_PREFIXES, DID),
)


def _require_amount(value: Any) -> Any:
    if type(value) is not int or not 0 <= value <= 100_000:
        raise expected("a whole number of 0 or more")
    return value


def _require_positive(value: Any) -> Any:
    if type(value) is not int or not 1 <= value <= 3650:
        raise expected("a whole number from 1 to 3650")
    return value


Amount = Annotated[int, BeforeValidator(_require_amount), Field(ge=0)]
Positive = Annotated[int, BeforeValidator(_require_positive), Field(ge=1, le=3650)]
Channel = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
LongText = Annotated[str, Field(min_length=1, max_length=20_000)]


class Cap(RuleModel):
    """No more than `most` messages by a channel within `days`, of all journeys together."""

    channel: Channel
    most: Positive
    days: Positive


class Wait(RuleModel):
    """A pause, from when the step is reached."""

    days: Amount = 0
    hours: Amount = 0
    minutes: Amount = 0

    @model_validator(mode="after")
    def _waits(self) -> Self:
        if not timedelta() < self.length <= timedelta(days=3650):
            raise expected("days, hours or minutes, together more than nothing and less than ten years")
        return self

    @property
    def length(self) -> timedelta:
        return timedelta(days=self.days, hours=self.hours, minutes=self.minutes)


class Message(RuleModel):
    """What is sent. `{first_name}`, `{company}` and `{code}` in subject and text are filled in when it is."""

    channel: Channel
    template: Text | None = None
    """The name of a text that the channel has itself."""
    subject: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    text: LongText | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.template is None and self.text is None:
            raise expected("template or text")
        return self


class Offer(Message):
    """A message with a code of its own for each lead, that can be redeemed once."""

    value: Text | None = None
    """What people read: `10 %`, `free e-book`."""
    valid_days: Positive = 30


class Branch(RuleModel):
    """Goes on at one of two later steps. `did.KIND` is how often the person did it since the journey began."""

    when: Condition
    then: RuleId
    else_: RuleId = Field(alias="else")


class Step(RuleModel):
    """One step: exactly one of send, offer, wait, branch, end."""

    id: RuleId
    send: Message = Field(default=ABSENT)
    offer: Offer = Field(default=ABSENT)
    wait: Wait = Field(default=ABSENT)
    branch: Branch = Field(default=ABSENT)
    end: Literal[True] = Field(default=ABSENT)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if len(self.model_fields_set - {"id"}) != 1:
            raise expected("one of send, offer, wait, branch, end beside id")
        return self


class Exit(RuleModel):
    """Ends the journey at the next step where it holds."""

    when: Condition


class Journey(RuleModel):
    """What happens to a lead that enters a segment. Conversion and opting out always end it."""

    id: RuleId
    description: Annotated[str, Field(max_length=1000)] | None = None
    segment: RuleId
    """Leads that enter it begin the journey."""
    enrol: Literal["entering", "members"] = "entering"
    """`members`: with its publication, whoever is in the segment already begins it too."""
    stay: bool = True
    """Whether leaving the segment ends the journey."""
    again_after_days: Positive | None = None
    """Who went through it may begin again after so long. Absent: never."""
    exit: Exit | None = None
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MAX_STEPS)]


class JourneyRules(RuleSetHeader):
    """The document."""

    kind: Literal["journeys"]
    name: Annotated[str, Field(min_length=1, max_length=64)] = KIND
    caps: Annotated[tuple[Cap, ...], Field(max_length=50)] = ()
    journeys: Annotated[tuple[Journey, ...], Field(max_length=MAX_JOURNEYS)]

    def find_faults(self) -> Iterable[RuleFault]:
        """Branches to steps that are not there or not later; steps that follow an end and no branch leads to."""
        for index, journey in enumerate(self.journeys):
            yield from _branch_faults(journey, ("journeys", index, "steps"))


def _branch_faults(journey: Journey, path: tuple[str | int, ...]) -> Iterator[RuleFault]:
    places = {step.id: place for place, step in enumerate(journey.steps)}
    for place, step in enumerate(journey.steps):
        if step.branch is None:
            continue
        for way, target in (("then", step.branch.then), ("else", step.branch.else_)):
            if target not in places:
                yield RuleFault(
                    (*path, place, "branch", way), "the id of a step of this journey", None, "an unknown one"
                )
            elif places[target] <= place:
                hint = "a journey goes forward only, so that it ends"
                yield RuleFault((*path, place, "branch", way), "a step further down", hint, "an earlier one")


def load_journey_rules(text: str | bytes, file: str = "journeys.yaml") -> LoadedRules[JourneyRules]:
    """The checked rules. Raises RuleFileError with file, line and column of every problem."""
    return load_rule_document(text, JourneyRules, file=file, catalogue=CATALOGUE)
