"""Commands of due timers: handled while the timer stands, passed over when it was moved or cancelled meanwhile."""

from collections.abc import Sequence

from shared.handling.outcomes import InHand, Outcome, Skipped
from shared.handling.work import Work
from shared.messaging.subscription import UseCase
from shared.persistence.timers import take_timers

NOT_LIVE = "timer_not_live"


def while_live(use_case: UseCase) -> UseCase:
    """`use_case` for those commands whose timers stand; with this they are used up, each by the first command that names
    its setting. The contract is a `TimerDue`.

    Nobody waits for the answer of a timer's command: the decision is its record, there is no row of a command.
    """

    async def handle(items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        fired = [_setting(item) for item in items if item.decision is None]
        live = await take_timers(work, fired)
        standing = [item for item in items if item.decision is not None or _use_up(_setting(item), live)]
        acted = iter(await use_case(standing, work) if standing else ())
        kept = {id(item) for item in standing}
        return [next(acted) if id(item) in kept else Skipped(NOT_LIVE) for item in items]

    return handle


def _use_up(setting: tuple[str, int], live: set[tuple[str, int]]) -> bool:
    stands = setting in live
    live.discard(setting)
    return stands


def _setting(item: InHand) -> tuple[str, int]:
    return item.event.timer_id, item.event.generation
