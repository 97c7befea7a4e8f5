"""What every contract model shares: frozen, tolerant of fields that a later version added."""

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """Base of events and commands. Unknown fields are ignored, so that an older consumer reads a newer event.

    `hide_input_in_errors` keeps personal data out of validation errors, which end up in logs and dead letters.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
