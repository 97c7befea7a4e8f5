"""The sales pipeline: stages in order, how likely each is to be won, and which moves are allowed.

Ten stages by the names that Salesforce and SuiteCRM ship; the probabilities are SuiteCRM's. A changed default never
rewrites an opportunity: each keeps the probability that it was given with its stage.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. `probability` in percent."""

    name: str
    probability: int
    closed: bool = False


PIPELINE: Final = (
    Stage("Prospecting", 10),
    Stage("Qualification", 20),
    Stage("Needs Analysis", 25),
    Stage("Value Proposition", 30),
    Stage("Id. Decision Makers", 40),
    Stage("Perception Analysis", 50),
    Stage("Proposal/Price Quote", 65),
    Stage("Negotiation/Review", 80),
    Stage("Closed Won", 100, closed=True),
    Stage("Closed Lost", 0, closed=True),
)
FIRST: Final = PIPELINE[0]

_BY_NAME: Final = MappingProxyType({stage.name.casefold(): stage for stage in PIPELINE})


def find_stage(name: str) -> Stage | None:
    """The stage of this name, whatever its case; None when the pipeline has none."""
    return _BY_NAME.get(name.strip().casefold())


def may_move(current: Stage, wanted: Stage) -> bool:
    """Open stages move freely and may close; a closed opportunity is reopened first, never turned from won to lost."""
    return current == wanted or not (current.closed and wanted.closed)
