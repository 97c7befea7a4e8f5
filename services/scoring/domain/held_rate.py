"""How many A leads a day a model's threshold is held at: what a document says of it."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from shared.rules import RuleModel, expected


def _require_rate(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1_000_000:
        raise expected("a number above 0")
    return value


Rate = Annotated[float, BeforeValidator(_require_rate), Field(gt=0)]
Points = Annotated[int, Field(ge=0, le=200)]
Days = Annotated[int, Field(ge=1, le=90)]


class HeldRate(RuleModel):
    """How many A leads a day there should be, and how far and how often the threshold may move for that."""

    a_per_day: Rate
    floor: Points
    ceiling: Points
    step: Annotated[int, Field(ge=1, le=50)] = 5
    """The farthest that one move goes."""
    cool_down_days: Days = 7
    """After any publication."""
    window_days: Days = 14
    """The leads that count: those received so long ago at most."""
    tolerance: Annotated[float, BeforeValidator(_require_rate), Field(gt=0, le=1)] = 0.2
    """The share by which the rate may differ before anything moves."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.floor > self.ceiling:
            raise expected("floor below ceiling")
        return self
