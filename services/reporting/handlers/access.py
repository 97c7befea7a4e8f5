"""Grant and revoke keys: a row, and a record of the compacted access topic that every service follows."""

from collections.abc import Awaitable, Callable

from services.reporting.ports import KeyStore
from shared.contracts.events.platform import AccessGranted
from shared.contracts.topics import ACCESS_GRANTED
from shared.handling.outcomes import InHand, OutEvent, Stage
from shared.handling.work import Work
from shared.messaging.commands import Done, Refused

STAGE = Stage("reporting")
BROWSER = "browser"

Obey = Callable[[InHand, Work], Awaitable[Done | Refused]]


def grant_access(keys: KeyStore) -> Obey:
    """Let a key in. A key id that is taken is refused: a key's hash and role never change."""

    async def obey(item: InHand, work: Work) -> Done | Refused:
        wanted = item.event
        held = await keys.read(work, wanted.key_id)
        if item.decision is None:
            if held is not None:
                return Refused("key_exists", "A key with this id exists already.")
            held = AccessGranted(
                key_id=wanted.key_id,
                secret_hash=wanted.secret_hash,
                role=BROWSER if wanted.origins else wanted.role,
                source=wanted.source,
                label=wanted.label,
                origins=wanted.origins,
                granted_at=work.instant,
            )
            await keys.save(work, held)
        assert held is not None
        return Done({"key_id": held.key_id, "role": held.role}, (_event(item, work, held),))

    return obey


def revoke_access(keys: KeyStore) -> Obey:
    """Shut a key out; shutting it out again is no error."""

    async def obey(item: InHand, work: Work) -> Done | Refused:
        held = await keys.read(work, item.event.key_id)
        if held is None:
            return Refused("unknown_key", "There is no key with this id.")
        if item.decision is None and not held.revoked:
            held = held.model_copy(update={"revoked": True})
            await keys.save(work, held)
        return Done({"key_id": held.key_id, "revoked": held.revoked}, (_event(item, work, held),))

    return obey


def _event(item: InHand, work: Work, held: AccessGranted) -> OutEvent:
    return STAGE.event(
        item.record,
        AccessGranted.TYPE,
        topic=ACCESS_GRANTED,
        key=held.key_id,
        data=held.__pydantic_serializer__.to_json(held),
        time=item.decision.decided_at if item.decision else work.instant,
    )
