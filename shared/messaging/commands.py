"""Commands: the use case answers with a result or a refusal; row, event and dead letter follow by themselves."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from uuid import UUID

from shared.contracts.events.platform import CommandCompleted
from shared.contracts.topics import COMMANDS_COMPLETED
from shared.handling.outcomes import InHand, Outcome, OutEvent, Produced, Rejected, Stage
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.subscription import UseCase
from shared.persistence.commands import read_completed, save_completed


@dataclass(frozen=True, slots=True)
class Done:
    """The command was obeyed."""

    result: dict[str, Any] = field(default_factory=dict)
    events: tuple[OutEvent, ...] = ()
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The command was understood and refused; `reason` is a registered literal, `detail` for people."""

    reason: str
    detail: str = ""


Obey: TypeAlias = Callable[[InHand, Work], Awaitable[Done | Refused]]
LONGEST_TEXT: Final = 1000


def is_readable(text: str) -> bool:
    """Whether a command's text is one for people: 1 to 1000 printable characters. (Postgres cannot store a NUL.)"""
    return len(text.strip()) > 0 and len(text) <= LONGEST_TEXT and text.isprintable()


def command_id_of(record: Record) -> str:
    """The id under which a command is answered: its subject, or its event's id where the subject is no UUID."""
    try:
        return str(UUID(record.subject))
    except ValueError:
        return record.event_id


def command(stage: Stage, obey: Obey) -> UseCase:
    """A use case that obeys commands one by one and publishes what became of each.

    On a redelivery `obey` is called again with the stored decision in hand: it must change nothing then, and give the
    events again from the newest stored state.
    """

    async def handle(items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        return [await _obey(stage, obey, item, work) for item in items]

    return handle


async def _obey(stage: Stage, obey: Obey, item: InHand, work: Work) -> Outcome:
    record = item.record
    command_id = command_id_of(record)
    answer = await _stored_refusal(item, work, command_id) or await obey(item, work)
    match answer:
        case Done(result=result, events=events, subject=subject):
            completed = await complete(stage, item, work, "done", None, result)
            return Produced("done", (*events, completed), subject=subject)
        case Refused(reason=reason, detail=detail):
            result = {"detail": detail}
            completed = await complete(stage, item, work, "refused", reason, result)
            return Produced("refused", (completed,), reason=reason, detail=result)


async def _stored_refusal(item: InHand, work: Work, command_id: str) -> Refused | None:
    """A refusal stands: a redelivered command that was refused is not tried anew."""
    if item.decision is None or item.decision.outcome != "refused":
        return None
    stored = await read_completed(work, command_id)
    detail = stored["result"].get("detail", "") if stored else ""
    return Refused(item.decision.reason or "refused", detail)


async def complete(
    stage: Stage, item: InHand, work: Work, status: Any, reason: str | None, result: dict[str, Any]
) -> OutEvent:
    """Store what became of a command, and give the event that says so; on a redelivery it is the same event again."""
    record = item.record
    command_id = command_id_of(record)
    await save_completed(work, command_id, record.type, status, reason, result)
    at = item.decision.decided_at if item.decision else work.instant
    data = CommandCompleted(
        command_id=command_id,
        command=record.type,
        service=stage.name,
        status=status,
        reason=reason,
        result=result,
        completed_at=at,
    )
    return stage.event(
        record,
        CommandCompleted.TYPE,
        topic=COMMANDS_COMPLETED,
        key=command_id,
        data=data.__pydantic_serializer__.to_json(data),
        time=at,
    )


async def note_dead_commands(rejected: Sequence[tuple[Record, Rejected]], work: Work) -> None:
    """A command that could not be processed is completed as `dead_lettered`, so that nobody waits for it."""
    for record, why in rejected:
        if record.topic.endswith(".commands.v1"):
            await save_completed(work, command_id_of(record), record.type or "unknown", "dead_lettered", why.reason, {})
