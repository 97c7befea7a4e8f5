"""The rules of quarantine: which checks are on, and how many points each is worth. A file, checked like every other."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from shared.rules import Number, RuleFault, RuleModel, RuleSetHeader, Text, load_rule_document

Suspicion = Literal[
    "honeypot",
    "too_fast",
    "form_expired",
    "form_forged",
    "address_rate",
    "disposable_domain",
    "link_in_name",
    "gibberish_name",
    "gibberish_message",
    "many_links",
    "markup_in_message",
]
SUSPICIONS: Final[tuple[Suspicion, ...]] = get_args(Suspicion)
# Those that ask for a number, and what it is where none is given.
THRESHOLDS: Final[Mapping[Suspicion, float]] = {"too_fast": 3, "form_expired": 86_400, "many_links": 3}


class Check(RuleModel):
    """One reason to doubt a submission."""

    id: Suspicion
    points: Annotated[int, Field(ge=0, le=1000)]
    enabled: bool = True
    at: Number | None = None
    """From which number of seconds or links on; only for checks that count."""


class SpamRules(RuleSetHeader):
    """Points add up; from `quarantine_at` on a submission waits in quarantine."""

    kind: Literal["spam"]
    quarantine_at: Annotated[int, Field(ge=1, le=10_000)] = 100
    trusted_sources: tuple[Text, ...] = ()
    checks: tuple[Check, ...]

    def find_faults(self) -> Iterable[RuleFault]:
        """See RuleSetHeader."""
        for index, check in enumerate(self.checks):
            if check.at is not None and check.id not in THRESHOLDS:
                yield RuleFault(("checks", index, "at"), "no number here", "this check counts nothing")

    @property
    def points(self) -> Mapping[Suspicion, int]:
        """The points of each check that is on."""
        return {check.id: check.points for check in self.checks if check.enabled}

    @property
    def thresholds(self) -> Mapping[Suspicion, float]:
        """The number of each check that counts."""
        return {**THRESHOLDS, **{check.id: check.at for check in self.checks if check.at is not None}}


def load_spam_rules(text: str | bytes, *, file: str) -> SpamRules:
    """The rules of a file. Raises RuleFileError with file, line, column and what was expected."""
    return load_rule_document(text, SpamRules, file=file).model
