"""Commands of journeys, which scoring obeys."""

from typing import ClassVar

from shared.contracts.commands.timers import TimerDue


class StepDue(TimerDue):
    """A run has waited as long as it was to."""

    TYPE: ClassVar[str] = "journey.step_due"

    lead_id: str
    run_id: str
