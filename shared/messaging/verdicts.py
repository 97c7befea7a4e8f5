"""Judging one record: whether its value keeps its contract, what of an error may be told, what is stored of an outcome."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from shared.contracts.decodable import is_decodable
from shared.handling.outcomes import DEAD_LETTERED, SKIPPED, Decision, Outcome, Produced, Rejected, Skipped
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.subscription import Handled, Reader, Subscription
from shared.messaging.transaction import MAX_EVENT_BYTES

UNDECODABLE: Final = Rejected("invalid_contract", exception="JSONDecodeError")
"""Of a value whose parts are JSON that nobody could decode."""


UNREADABLE: Final = Skipped("unreadable")
"""Of a value that nobody can read, and another lane of the service answers for."""


class _AnObject(msgspec.Struct):
    """Any JSON object, whatever is in it."""


_skim: Final = msgspec.json.Decoder(_AnObject).decode


class OutputTooLarge(Exception):
    """An event that no record batch can hold."""


def validated(record: Record, handled: Handled) -> Any:
    """The record's value as its contract, or a Rejected that says why it is none; None where the use case reads it."""
    if handled.contract is None:
        return None
    if record.fault is not None:
        return Rejected(record.fault)
    if not record.value:
        return Rejected("empty_value")
    if not is_decodable(record.value):
        return UNDECODABLE
    try:
        return handled.contract.model_validate_json(record.value)
    except ValidationError as error:
        return Rejected("invalid_contract", place=_place_of(error), exception=type(error).__name__)


def is_unreadable(record: Record) -> bool:
    """Whether no contract whatever can read the record: a broken header, no value, no JSON, no object. Each reader of ours is
    pydantic's, msgspec's or both: what one of them takes is not unreadable."""
    if record.fault is not None or not record.value or not is_decodable(record.value):
        return True
    return not (_is_object(from_json, record.value) or _is_object(_skim, record.value))


def _is_object(read: Callable[[bytes], Any], value: bytes) -> bool:
    try:
        return isinstance(read(value), dict | _AnObject)
    except (ValueError, RecursionError):
        return False


def answered_for(record: Record, why: Rejected, subscription: Subscription) -> Rejected | Skipped:
    """What becomes of a record that its contract refuses: a dead letter, unless another lane makes one of it alike."""
    return UNREADABLE if record.type in subscription.answered and is_unreadable(record) else why


def all_validated(records: Sequence[Record], handled: Handled) -> list[Any]:
    """`validated` of each of these; at once where nothing is wrong with any."""
    if handled.contract is None:
        return [None] * len(records)
    read = _quickest(handled.contract)
    try:
        if all(record.value and not record.fault and is_decodable(record.value) for record in records):
            return [read(record.value) for record in records]
    except ValidationError:
        pass  # of one of them; which one, and why, is said below
    return [validated(record, handled) for record in records]


def _quickest(contract: Reader) -> Callable[[Any], Any]:
    """pydantic's own validator, where the contract is read by nothing else."""
    read = contract.model_validate_json
    if isinstance(contract, type) and issubclass(contract, BaseModel):
        plain = getattr(read, "__func__", None) is BaseModel.model_validate_json.__func__  # type: ignore[attr-defined]
        return contract.__pydantic_validator__.validate_json if plain else read
    return read


def of_no_known_type(record: Record, subscription: Subscription) -> Outcome:
    """A later version's type is passed over on our own topics, and what another lane answers for; what a source sends must
    end in an outcome."""
    if not record.type:
        return Skipped("no_type") if record.topic in subscription.shared else Rejected("no_type")
    return Rejected("unknown_type") if record.topic in subscription.inbound else Skipped("unknown_type")


def decision_of(outcome: Outcome, work: Work) -> Decision:
    """What is stored of an outcome."""
    if isinstance(outcome, Produced):
        name, _events, subject, reason, detail, fingerprint, _letters = outcome
        return Decision(name, subject, reason, detail, work.instant, fingerprint)
    if isinstance(outcome, Skipped):
        return Decision(SKIPPED, outcome.subject, outcome.reason, outcome.detail, work.instant)
    return Decision(DEAD_LETTERED, None, outcome.reason, None, work.instant)


def check_sizes(outcomes: Iterable[Outcome]) -> None:
    """Raises OutputTooLarge where an event could not be published."""
    for outcome in outcomes:
        if isinstance(outcome, Produced):
            for event in outcome.events:
                if len(event.data) > MAX_EVENT_BYTES:
                    raise OutputTooLarge


def culprit_of(error: BaseException, *, attempts: int) -> Rejected:
    """Why a record that fails by itself is dead-lettered."""
    reason = "output_too_large" if isinstance(error, OutputTooLarge) else "processing_failed"
    return Rejected(reason, exception=type_and_place(error), attempts=attempts)


def _place_of(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return ".".join(str(part) for part in first["loc"])


def type_and_place(error: BaseException) -> str:
    """The error's type and where it was raised; never its message, which may hold values."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}{where}"
