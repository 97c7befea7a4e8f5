"""Whether a lead is sales-ready, and what is missing: it can be reached, it fits, it engages, and hand-over knows what it asks for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from services.scoring.domain.parts import SalesReady
from shared.rules import AnyCondition, Condition, Facts, compile_condition

_adapter: Final = TypeAdapter(Condition)
# Some way to reach the lead is known, and not every one is known to be closed.
CONTACTABLE: Final[AnyCondition] = _adapter.validate_python(
    {
        "all": (
            {"any": ({"field": "email", "exists": True}, {"field": "phone", "exists": True})},
            {"not": {"field": "contactable.any", "eq": False}},
        )
    }
)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Compiled. `asked` are ids with what has to hold; `conditions` all that it asks of a lead."""

    fit: int
    engagement: int
    asked: tuple[tuple[str, Callable[[Facts], bool]], ...]

    def missing_of(self, facts: Facts) -> tuple[str, ...]:
        """Ids of the criteria that the facts do not meet."""
        return tuple(name for name, holds in self.asked if not holds(facts))

    def missing_with(self, unmet: Sequence[str], fit: int, engagement: int) -> list[str]:
        """Those, and the axes that have too few points."""
        short = (("fit", fit < self.fit), ("engagement", engagement < self.engagement))
        return [*unmet, *(name for name, is_short in short if is_short)]


def conditions_of(ready: SalesReady | None) -> list[AnyCondition]:
    """What readiness asks of a lead."""
    return [] if ready is None else [CONTACTABLE, *(criterion.when for criterion in ready.criteria)]


def compile_readiness(ready: SalesReady | None) -> Readiness | None:
    """None where the model does not say when a lead is sales-ready."""
    if ready is None:
        return None
    ids = ("contactable", *(criterion.id for criterion in ready.criteria))
    holds = (compile_condition(condition).holds for condition in conditions_of(ready))
    return Readiness(ready.fit, ready.engagement, tuple(zip(ids, holds, strict=True)))
