"""What reporting reads: every topic but its own dead letters, and its own commands with decisions."""

from collections.abc import Sequence
from typing import Final

from services.reporting.handlers.access import STAGE, grant_access, revoke_access
from services.reporting.handlers.storing import park_dead_letters, store_events
from services.reporting.ports import EventStore, KeyStore
from shared.contracts.commands.reporting import GrantAccess, RevokeAccess
from shared.contracts.topics import (
    EVENTS_INBOUND,
    INBOUND,
    INBOUND_BULK,
    REPORTING_COMMANDS,
    TOPICS,
    dead_letter_topic,
)
from shared.handling.outcomes import Rejected
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.commands import command, note_dead_commands
from shared.messaging.replaying import with_replays
from shared.messaging.subscription import Handled, OnDeadLetters, Subscription

EVERY_TOPIC: Final = tuple(name for name in TOPICS if name != dead_letter_topic("reporting"))
FROM_OUTSIDE: Final = frozenset({INBOUND, INBOUND_BULK, EVENTS_INBOUND})


def history(store: EventStore, *, max_records: int = 2000) -> Subscription:
    """The lane of the event store. Its tables hold each record under its coordinates: no decisions are needed."""
    return Subscription(
        "reporting",
        EVERY_TOPIC,
        handlers={},
        others=Handled(store_events(store)),
        decisions=False,
        on_dead_letters=park_dead_letters(store),
        inbound=FROM_OUTSIDE,
        max_records=max_records,
        title="history",
    )


def access(store: EventStore, keys: KeyStore) -> Subscription:
    """The lane of reporting's own commands; dead letters of both lanes are replayed here."""
    lane = Subscription(
        "reporting-commands",
        (REPORTING_COMMANDS,),
        {
            GrantAccess.TYPE: Handled(command(STAGE, grant_access(keys)), GrantAccess),
            RevokeAccess.TYPE: Handled(command(STAGE, revoke_access(keys)), RevokeAccess),
        },
        on_dead_letters=_note_and_park(store),
        title="access",
    )
    return with_replays(STAGE, lane, history(store))


def _note_and_park(store: EventStore) -> OnDeadLetters:
    park = park_dead_letters(store)

    async def note(rejected: Sequence[tuple[Record, Rejected]], work: Work) -> None:
        await note_dead_commands(rejected, work)
        await park(rejected, work)

    return note
