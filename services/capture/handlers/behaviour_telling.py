"""Events that tell something of their leads, as the commands that say so: capture gives them to itself.

A click in a message is a response only once it is seen that no machine clicked all its links: that command is a timer's.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from services.capture.behaviour_ports import BehaviourBook, Kept
from services.capture.domain.behaviour.telling import Against, read_told
from services.capture.handlers.events import STAGE
from shared.contracts import ids
from shared.contracts.commands.capture import MarkLead, PromoteLead
from shared.contracts.envelope import Envelope, from_millis
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.handling.outcomes import OutEvent
from shared.handling.work import Work
from shared.persistence.timers import Timer, add_timers

# By when the rest of a machine's burst has come, also in webhooks that follow one another.
CLICK_PATIENCE: Final = timedelta(seconds=60)
_AUTHOR: Final = "leadstream/capture/behaviour"


async def commands_told(behaviours: BehaviourBook, kept: Iterable[Kept], work: Work) -> Mapping[str, list[OutEvent]]:
    """The commands that events of leads come to, by the event that made each a lead's. Their ids rest on the event and
    the lead: whenever they go out again, they change nothing twice. Whoever is a lead already is not promoted."""
    telling = [each for each in kept if each.tells is not None and each.lead_id is not None]
    if not telling:
        return {}
    against = {each.event_id: read_told(each.tells or "") for each in telling}
    responded = {each.lead_id or "" for each in telling if against[each.event_id] is None}
    targets = await behaviours.targets_among(work, sorted(responded)) if responded else frozenset()
    commands: dict[str, list[OutEvent]] = {}
    clicks: list[Timer] = []
    for each in telling:
        said = against[each.event_id]
        if said is None and each.lead_id not in targets:
            continue
        if said is None and each.message is not None:
            clicks.append(_later(each, work))
        else:
            commands.setdefault(each.settled_by or "", []).append(_command(each, said))
    await add_timers(work, clicks)
    return commands


def _later(kept: Kept, work: Work) -> Timer:
    """The promotion by a click, which looks once more at what was clicked around it."""
    wanted = PromoteLead(
        lead_id=kept.lead_id or "",
        reason=kept.kind,
        requested_by=_AUTHOR,
        clicked_us=kept.occurred_us,
        message=kept.message,
    )
    return Timer(PromoteLead.TYPE, kept.event_id, work.now + CLICK_PATIENCE, wanted.model_dump(exclude_none=True))


def _command(kept: Kept, said: Against | None) -> OutEvent:
    at, lead_id, reason = from_millis(kept.received_ms), kept.lead_id or "", kept.kind
    wanted = (
        PromoteLead(lead_id=lead_id, reason=reason, requested_by=_AUTHOR)
        if said is None
        else MarkLead(lead_id=lead_id, **said._asdict(), said_at=at, reason=reason, requested_by=_AUTHOR)
    )
    command_id = ids.derived_event_id(STAGE.name, kept.event_id, wanted.TYPE, lead_id)
    envelope = Envelope(command_id, wanted.TYPE, STAGE.source, command_id, at)
    return OutEvent(CAPTURE_COMMANDS, lead_id.encode(), envelope, wanted.__pydantic_serializer__.to_json(wanted))
