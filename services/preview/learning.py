"""Outcomes of the stored past: what rules are to be learned from, and what they are held against.

Of each lead its first state counts: what became known after a conversion would tell the outcome instead of foretelling it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar

import orjson

from services.preview.wanted import LOST, WON, Seen, Wanted, outcome_of
from services.scoring.domain.learning.artefact import NotEnoughData, document_of, learn
from services.scoring.domain.learning.bins import Row
from services.scoring.domain.learning.reporting import OutcomeTally

# What many leads share; names, addresses and words of people are none of it.
_FIELDS: Final = (
    "title", "company.industry", "company.employees", "company.annual_revenue.amount", "address.country",
    "address.state", "source", "source_detail", "campaign", "budget.amount", "budget.currency", "touch_count",
    "email_free", "email_disposable",
)  # fmt: skip
_NUMBERS: Final = frozenset({"company.employees", "company.annual_revenue.amount", "budget.amount", "touch_count"})
_WAS_WON: Final = {WON: True, LOST: False}


Kept = TypeVar("Kept")


class Journal(Wanted, Generic[Kept]):
    """Keeps of each lead what `keep` makes of its first state, and its outcome."""

    def __init__(self, keep: Callable[[dict[str, Any]], Kept]) -> None:
        super().__init__()
        self._keep = keep
        self._first: dict[int, tuple[int, int, Kept]] = {}
        self._outcomes: dict[int, tuple[int, str]] = {}

    def _take_state(self, place: int, seen: Seen) -> None:
        held = self._first.get(place)
        if held is None or (seen.at, seen.version) < held[:2]:
            self._first[place] = seen.at, seen.version, self._keep(orjson.loads(seen.lead))

    def _take_told(self, place: int, event_type: str, at: int, value: bytes) -> None:
        if event_type in ("opportunity.converted", "opportunity.changed"):
            outcome, version = outcome_of(value)
            if version > self._outcomes.get(place, (-1, ""))[0]:
                self._outcomes[place] = version, outcome

    def first_states(self) -> Iterator[tuple[Kept, bool | None, int]]:
        """What was kept, whether the lead was won (None: nobody knows yet), and when it came, in the order of ids."""
        for place in sorted(self._first, key=self._ids.__getitem__):
            at, _, kept = self._first[place]
            _, outcome = self._outcomes.get(place, (0, ""))
            yield kept, _WAS_WON.get(outcome), at


def learned(journal: Journal[Row], job: Mapping[str, Any]) -> dict[str, Any]:
    """A scoring document learned from what was won and lost; or why there is none."""
    known = [(row, won) for row, won, _ in journal.first_states() if won is not None]
    try:
        card = learn([row for row, _ in known], [won for _, won in known], support=job["support"])
    except NotEnoughData as error:
        return {"refused": "not_enough_data", "detail": str(error)}
    document = document_of(card, name=job["name"], made_of="the stored past")
    return {"document": document, "outcomes": card.outcomes, "won": card.wins, "rules": len(card.entries) + 1}


def held_against(journal: Journal[Any], tally: OutcomeTally, job: Mapping[str, Any]) -> dict[str, Any]:
    """What outcomes say of each rule of a scoring document."""
    for score, won, at in journal.first_states():
        tally.add(score, won=won, at=at)
    return tally.report(support=job["support"])


def row_of(lead: Mapping[str, Any]) -> Row:
    """The facts that may be learned from."""
    return dict(_facts(lead))


def _facts(lead: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for path in _FIELDS:
        value: Any = lead
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if path in _NUMBERS:
            value = _number(value)
        if value not in (None, ""):
            yield path, value


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError):
        return None
