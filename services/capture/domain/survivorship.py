"""Survivorship: which record decides a field that several records of one person tell.

A policy ranks what the records say; the highest rank stands, of equal ranks the most recent. A rank rests on the record
alone or on its place in the order of receipt, so whichever way records and merges come, the same value stands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, Literal

Policy = Literal["most_recent", "most_trusted", "longest", "max", "first", "union"]
Rank = Callable[[int, Mapping[str, Any], Any], Any]
"""Of a record's place in the order of receipt, its facts, and its value."""

_TEXT: Final[tuple[Policy, ...]] = ("most_recent", "most_trusted", "longest", "first")
_NUMBER: Final[tuple[Policy, ...]] = ("most_recent", "most_trusted", "max", "first")
_WHOLE: Final[tuple[Policy, ...]] = ("most_recent", "most_trusted", "first")

# The policies that a field can have; the first is the one that it has unless a file says otherwise.
FIELDS: Final[Mapping[str, tuple[Policy, ...]]] = {
    "name": _WHOLE,
    "title": _TEXT,
    "message": _TEXT,
    "budget": _NUMBER,
    "products": ("most_recent", "most_trusted", "union", "first"),
    "address": _WHOLE,
    "company.name": _TEXT,
    "company.website": _WHOLE,
    "company.industry": _TEXT,
    "company.employees": _NUMBER,
    "company.annual_revenue": _NUMBER,
    "extra": ("most_recent",),
    "source": ("first",),
    "campaign": ("first",),
    "list": ("first",),
    "first_touch": ("first",),
    "emails": ("union",),
    "phones": ("union",),
    "external_ids": ("union",),
}

NAME_PARTS: Final = ("first_name", "last_name")


@dataclass(frozen=True)
class Survivorship:
    """The policies that fields have instead of their default, and the sources that are trusted, the most trusted first."""

    fields: Mapping[str, Policy] = field(default_factory=dict)
    trusted_sources: tuple[str, ...] = ()

    @cached_property
    def ranks(self) -> Mapping[str, Rank]:
        """How the values of a unit of the facts are ranked, for the units that do not go by their default."""
        steps = len(self.trusted_sources)
        trust = {source: steps - place for place, source in enumerate(self.trusted_sources)}
        ranks = {"most_trusted": _trusted(trust), "longest": _longest, "max": _largest, "first": _first}
        chosen = {name: ranks[policy] for name, policy in self._chosen().items() if policy in ranks}
        return chosen | (dict.fromkeys(NAME_PARTS, chosen["name"]) if "name" in chosen else {})

    @cached_property
    def united(self) -> frozenset[str]:
        """Units of the facts of which every entry stays, other than by default."""
        return frozenset(name for name, policy in self._chosen().items() if policy == "union")

    @cached_property
    def by_trust(self) -> bool:
        """Whether facts have to name their source."""
        return "most_trusted" in self._chosen().values()

    def _chosen(self) -> dict[str, Policy]:
        return {name: policy for name, policy in self.fields.items() if policy != FIELDS[name][0]}


def _trusted(trust: Mapping[str, int]) -> Rank:
    return lambda _, facts, __: trust.get(facts.get("s", ""), 0)


def _longest(_: int, __: Mapping[str, Any], value: Any) -> int:
    return len(value if isinstance(value, str) else value[0])


def _largest(_: int, __: Mapping[str, Any], value: Any) -> Decimal:
    return Decimal(value[0] if isinstance(value, list) else value)


def _first(place: int, _: Mapping[str, Any], __: Any) -> int:
    return -place


DEFAULT: Final = Survivorship()
