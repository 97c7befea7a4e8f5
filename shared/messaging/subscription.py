"""What a service consumes: topics, contracts and use cases, declared in a few lines."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from shared.handling.outcomes import InHand, Outcome, Rejected
from shared.handling.records import Record
from shared.handling.work import Work

UseCase: TypeAlias = Callable[[Sequence[InHand], Work], Awaitable[Sequence[Outcome]]]
OnDeadLetters: TypeAlias = Callable[[Sequence[tuple[Record, Rejected]], Work], Awaitable[None]]


class Reader(Protocol):
    """Reads a record's value: a contract, or a thin model that is read by hand."""

    def model_validate_json(self, value: bytes, /) -> Any:
        """The event. Raises pydantic's ValidationError for what is none."""
        ...


@dataclass(frozen=True, slots=True)
class Handled:
    """How one event type is handled.

    `contract` validates each record's value by itself (None: the use case reads the raw value). `repeated` is called
    for records whose event id was decided under other coordinates; without it they change and publish nothing.
    """

    use_case: UseCase
    contract: Reader | None = None
    repeated: UseCase | None = None


@dataclass(frozen=True, slots=True)
class GivesWay:
    """A lane takes nothing while these groups, each by its topics, are together more than `above` records behind."""

    groups: Mapping[str, tuple[str, ...]]
    above: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """One lane: a consumer group, its topics, and what is done with each event type.

    Records of a type that is not named are skipped where `others` is None: topics may carry types of later versions.
    `decisions=False` is for a service whose own tables hold each event under its id (reporting).
    `on_dead_letters` lets a service note what it could not process (capture: the receipt), in the same transaction.
    `inbound` topics carry records of outside sources, whose headers may be missing. For records without a type on topics
    `shared` with another lane of the service that lane answers: one such record is one dead letter.
    Of the types that are `answered` another lane of the service answers for values that nobody can read, where these come
    on a topic of both; only a lane without decisions may leave that to another one. `gives_way` makes it a lane for what can wait.
    """

    group: str
    topics: tuple[str, ...]
    handlers: Mapping[str, Handled]
    others: Handled | None = None
    decisions: bool = True
    on_dead_letters: OnDeadLetters | None = None
    inbound: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()
    max_records: int = 2000
    title: str = ""
    gives_way: GivesWay | None = None
    schema: Any = field(default=None, compare=False)
