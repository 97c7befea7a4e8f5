"""What the commands of durable timers have in common."""

from pydantic import Field

from shared.contracts.base import Contract


class TimerDue(Contract):
    """A timer's time has come. The command may come twice, or too late; it acts once, and only while the timer stands."""

    timer_id: str
    generation: int = Field(description="Which setting of the timer this is")
    due_at: str = Field(description="When it was due, RFC 3339")
