"""Whether a submission is spam: doubts that add up to points, each with its name. Nothing is ever thrown away for it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from services.capture.domain.fact_shape import Facts
from services.capture.domain.form_token import FORM_FIELD, HONEYPOT_FIELD, rendered_at
from services.capture.domain.gibberish import is_gibberish
from services.capture.domain.hygiene import CleanSubmission
from services.capture.domain.spam_rules import SpamRules, Suspicion

ADDRESS_RATE: Final = "address_rate"
_NAMES: Final = ("first_name", "last_name", "name")
_LINK: Final = re.compile(r"https?://|\bwww\.", re.IGNORECASE)
_MARKUP: Final = re.compile(r"<a\s[^>]*href|\[url[=\]]|\[link[=\]]", re.IGNORECASE)


class Traps(NamedTuple):
    """What a form's hidden fields hold: the honeypot that must stay empty, the token of its rendering."""

    is_filled: bool = False
    token: object = None


class Doubts(NamedTuple):
    """Why a submission is doubted, the weightiest first, and the sum of the points."""

    reasons: tuple[Suspicion, ...]
    points: int


NO_TRAPS: Final = Traps()
NO_DOUBTS: Final = Doubts((), 0)


def take_traps(document: dict[str, Any]) -> Traps:
    """Take the hidden fields out of a decoded body: they say nothing about the lead."""
    holder: Any = document
    if HONEYPOT_FIELD not in document and FORM_FIELD not in document:
        holder = document.get("extra")  # where forms of the file of sources have them
        if type(holder) is not dict or (HONEYPOT_FIELD not in holder and FORM_FIELD not in holder):
            return NO_TRAPS
    return Traps(bool(holder.pop(HONEYPOT_FIELD, None)), holder.pop(FORM_FIELD, None))


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules at work. `secret` is the one that form tokens are signed with."""

    points: Mapping[Suspicion, int]
    thresholds: Mapping[Suspicion, float]
    quarantine_at: int
    trusted: frozenset[str]
    secret: bytes

    @classmethod
    def of(cls, rules: SpamRules, secret: bytes) -> "Guard":
        """The guard that these rules make."""
        return cls(rules.points, rules.thresholds, rules.quarantine_at, frozenset(rules.trusted_sources), secret)

    def doubts(self, clean: CleanSubmission, traps: Traps, *, source: str, signals: str, received_ms: int) -> Doubts:
        """What speaks against a submission. `signals` is what the edge noticed, separated by commas."""
        if source in self.trusted:
            return NO_DOUBTS
        found = {*self._of_form(traps, received_ms), *_of_person(clean.facts), *self._of_message(clean.facts)}
        if ADDRESS_RATE in signals.split(","):
            found.add("address_rate")
        weighed = {reason: self.points[reason] for reason in found if self.points.get(reason)}
        reasons = sorted(weighed, key=lambda reason: (-weighed[reason], reason))
        return Doubts(tuple(reasons), sum(weighed.values()))

    def _of_form(self, traps: Traps, received_ms: int) -> Sequence[Suspicion]:
        found: list[Suspicion] = ["honeypot"] if traps.is_filled else []
        if traps.token is None:
            return found
        rendered = rendered_at(traps.token, secret=self.secret)
        if rendered is None:
            return [*found, "form_forged"]
        taken_s = (received_ms - rendered) / 1000
        if taken_s < self.thresholds["too_fast"]:
            found.append("too_fast")
        elif taken_s > self.thresholds["form_expired"]:
            found.append("form_expired")
        return found

    def _of_message(self, facts: Facts) -> Sequence[Suspicion]:
        message: str = facts.get("f", {}).get("message") or ""
        found: list[Suspicion] = ["gibberish_message"] if is_gibberish(message) else []
        if len(_LINK.findall(message)) >= self.thresholds["many_links"]:
            found.append("many_links")
        if _MARKUP.search(message):
            found.append("markup_in_message")
        return found


def _of_person(facts: Facts) -> Sequence[Suspicion]:
    found: list[Suspicion] = []
    names = [name for unit in _NAMES if (name := facts.get("f", {}).get(unit))]
    if any(_LINK.search(name) for name in names):
        found.append("link_in_name")
    if any(is_gibberish(name) for name in names):
        found.append("gibberish_name")
    if any(entry[3] == "disposable" for entry in facts.get("e", ())):
        found.append("disposable_domain")
    return found


def with_warnings(clean: CleanSubmission, doubts: Doubts) -> CleanSubmission:
    """The submission with its doubts as warnings of the lead, `suspected_<reason>`."""
    if not doubts.reasons:
        return clean
    warned = {**clean.facts.get("w", {}), "spam": [f"suspected_{reason}" for reason in doubts.reasons]}
    return clean._replace(facts={**clean.facts, "w": warned})
