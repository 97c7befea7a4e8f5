"""Held rates without traffic: looked at every hour, and a move is a command to publish, like a person's."""

from typing import Final

from services.scoring.adapters.flow import count_points
from services.scoring.domain.holding import AUTHOR, propose_threshold, reason_of, with_threshold
from services.scoring.domain.model import KIND, load_scoring_model
from shared.contracts import ids
from shared.contracts.commands.rules import PublishRules
from shared.contracts.envelope import Envelope
from shared.contracts.topics import SCORING_COMMANDS
from shared.handling.work import Work
from shared.messaging.raw_producer import RawRecord
from shared.persistence.rule_versions import find_version
from shared.runtime.service import Service

_KEY: Final = f"scoring/{KIND}"
_DAY_S: Final = 86_400.0


async def hold_rates(service: Service) -> None:
    """Send the command of a move, if there is one. Replicas that see the same send the same, which counts once."""
    async with service.database.transaction(service.clock()) as work:
        found = await next_move(work)
    if found is None or service.raw is None:
        return
    command_id = ids.derive(ids.COMMANDS, "hold", KIND, str(found.instead_of))
    envelope = Envelope(command_id, PublishRules.TYPE, "leadstream/scoring/rates", command_id, work.instant)
    record = RawRecord(_KEY.encode(), found.model_dump_json().encode(), envelope.headers())
    await service.raw.send(SCORING_COMMANDS, [record])


async def next_move(work: Work) -> PublishRules | None:
    """The live document with the next threshold, as a command to publish it in the place of the version that was looked at."""
    live = await find_version(work, KIND, None)
    if live is None:
        return None
    grades = load_scoring_model(live["document"]).model.grades
    if grades.hold is None:
        return None
    points = await count_points(work, grades, grades.hold.window_days)
    days_live = (work.now - live["published_at"]).total_seconds() / _DAY_S
    move = propose_threshold(grades, points, days_live=days_live)
    if move is None:
        return None
    document = with_threshold(live["document"], move.after)
    return PublishRules(
        kind=KIND, document=document, author=AUTHOR, reason=reason_of(move, grades.hold), instead_of=live["version"]
    )
