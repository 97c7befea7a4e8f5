"""Commands that scoring gives to itself."""

from typing import ClassVar

from shared.contracts.commands.timers import TimerDue


class TurnScore(TimerDue):
    """A lead's score turns by itself: what it did has faded so far that grade, level or temperature is another."""

    TYPE: ClassVar[str] = "score.turn"

    lead_id: str
