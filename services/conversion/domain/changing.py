"""What a person may change about an opportunity."""

import re
from dataclasses import dataclass, replace
from typing import Final

from services.conversion.domain.money import parse_amount
from services.conversion.domain.parties import Opportunity
from services.conversion.domain.pipeline import Pipeline, Stage, may_move

_CURRENCY: Final = re.compile(r"[A-Z]{3}")
LONGEST_OWNER: Final = 200
_CHANGEABLE: Final = ("stage", "amount", "currency", "owner")


@dataclass(frozen=True, slots=True)
class Unchangeable:
    """The change is refused."""

    reason: str
    detail: str


def apply_change(
    opportunity: Opportunity,
    pipeline: Pipeline,
    *,
    stage: str | None,
    amount: str | None,
    currency: str | None,
    owner: str | None,
) -> Opportunity | Unchangeable:
    """The opportunity with what is given, the probability by its stage in the pipeline that it began in; what is absent
    stays."""
    wanted = opportunity
    if stage is not None:
        moved = _move(opportunity, stage, pipeline)
        if isinstance(moved, Unchangeable):
            return moved
        wanted = moved
    if amount is not None:
        parsed = parse_amount(amount)
        if parsed is None:
            return Unchangeable("invalid_amount", "The amount must be decimal text, not negative, such as 50000.00.")
        wanted = replace(wanted, amount=parsed)
    if currency is not None:
        if not is_currency(currency):
            return Unchangeable("invalid_currency", "The currency must be three capital letters (ISO 4217).")
        wanted = replace(wanted, currency=currency)
    if owner is not None:
        if not is_owner(owner):
            return Unchangeable("invalid_owner", f"The owner must be 1 to {LONGEST_OWNER} printable characters.")
        wanted = replace(wanted, owner=owner)
    return wanted


def is_owner(text: str) -> bool:
    """Whether an owner may be called so. (Postgres cannot store a NUL.)"""
    return len(text.strip()) > 0 and len(text) <= LONGEST_OWNER and text.isprintable()


def is_currency(text: str) -> bool:
    """Whether this has the form of an ISO 4217 code."""
    return _CURRENCY.fullmatch(text) is not None


def _move(opportunity: Opportunity, name: str, pipeline: Pipeline) -> Opportunity | Unchangeable:
    wanted = move_stage(opportunity.stage, name, pipeline)
    if isinstance(wanted, Unchangeable):
        return wanted
    if wanted == pipeline.find(opportunity.stage):
        return opportunity  # a stage that stays keeps the probability that it was given
    return replace(opportunity, stage=wanted.name, probability=wanted.probability)


def move_stage(current: str, name: str, pipeline: Pipeline) -> Stage | Unchangeable:
    """The stage of this name, if an opportunity may move to it from the current one."""
    wanted, held = pipeline.find(name), pipeline.find(current)
    if wanted is None:
        return Unchangeable("unknown_stage", f"The stages are: {', '.join(stage.name for stage in pipeline.stages)}.")
    if held is None or may_move(held, wanted):
        return wanted
    return Unchangeable("stage_not_allowed", "A closed opportunity is reopened before it is closed otherwise.")


def named_changes(before: Opportunity, after: Opportunity) -> str:
    """The names of the fields that differ, joined by commas; empty when none does."""
    return ",".join(name for name in _CHANGEABLE if getattr(before, name) != getattr(after, name))
