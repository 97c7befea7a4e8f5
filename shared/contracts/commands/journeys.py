"""Commands of journeys, which scoring obeys."""

from typing import ClassVar

from pydantic import Field

from shared.contracts.commands.timers import TimerDue


class StepDue(TimerDue):
    """A run has waited as long as it was to."""

    TYPE: ClassVar[str] = "journey.step_due"

    lead_id: str
    run_id: str


class EnrolDue(TimerDue):
    """Who is in a journey's segment already begins it, a page behind this lead, after its publication."""

    TYPE: ClassVar[str] = "journey.enrol_due"

    run_id: str
    journey: str
    after: str | None = Field(None, description="The lead behind which the page begins")
