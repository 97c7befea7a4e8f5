"""Settings of routing."""

from pydantic import Field

from shared.runtime.settings import ServiceSettings


class RoutingSettings(ServiceSettings):
    """What every service has; routing's policy lives in its rules."""

    # Junk is erased after so many days, unless somebody has taken it up again.
    junk_kept_days: int = Field(30, ge=0, le=3650)
