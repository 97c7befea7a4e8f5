"""What commands and their completions say of replays, as far as it is kept: no part of the record itself."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from services.reporting.domain.ledger import Place
from shared.contracts.commands.replay import ReplayRecord
from shared.contracts.ids import is_id

_TEXT: Final = 500


class ReplaySaid(NamedTuple):
    """One side of a replay: the request, or what became of it. `result` is what the completion answered; `topic` and `place`
    are those of the record that is replayed."""

    run_id: str | None
    parked_id: str | None
    first_id: str | None
    requested_by: str | None = None
    note: str | None = None
    edited: bool | None = None
    service: str | None = None
    status: str | None = None
    outcome: str | None = None
    reason: str | None = None
    result: Mapping[str, Any] | None = None
    topic: str | None = None
    place: Place | None = None


def said_by_request(data: Mapping[str, Any]) -> ReplaySaid:
    """Of `record.replay`."""
    run_id, parked_id, first_id = _ids(data)
    edited = data.get("edited") is True
    record = data.get("record")
    record = record if isinstance(record, dict) else {}
    return ReplaySaid(
        *(run_id, parked_id, first_id, _short(data.get("requested_by")), _short(data.get("note")), edited),
        topic=_short(record.get("topic")),
        place=_place(record),
    )


def said_by_completion(data: Mapping[str, Any]) -> ReplaySaid | None:
    """Of `command.completed`; None where it was another command's."""
    if data.get("command") != ReplayRecord.TYPE:
        return None
    result = data.get("result")
    result = result if isinstance(result, dict) else {}
    return ReplaySaid(
        *_ids(result),
        service=_short(data.get("service")),
        status=_short(data.get("status")),
        outcome=_short(result.get("outcome")),
        reason=_short(data.get("reason") or result.get("outcome_reason")),
        result=result,
    )


def said_by_burial(reason: str) -> ReplaySaid:
    """Of a replay command that was itself dead-lettered; which record it was about is not known then."""
    return ReplaySaid(None, None, None, status="dead_lettered", reason=reason, result={})


def _place(record: Mapping[str, Any]) -> Place | None:
    topic_id, partition, offset = (record.get(name) for name in ("topic_id", "partition", "offset"))
    if not is_id(topic_id) or type(partition) is not int or type(offset) is not int:
        return None
    return Place(topic_id, partition, offset) if 0 <= partition < 2**31 and 0 <= offset < 2**63 else None


def _ids(data: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    run_id, parked_id, first_id = (
        found if is_id(found := data.get(name)) else None for name in ("run_id", "dead_letter_id", "first_id")
    )
    return run_id, parked_id, first_id


def _short(value: object) -> str | None:
    return value.replace("\x00", "")[:_TEXT] if isinstance(value, str) else None
