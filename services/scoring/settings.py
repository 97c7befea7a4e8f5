"""Settings of scoring."""

from pydantic import Field

from shared.runtime.settings import ServiceSettings


class ScoringSettings(ServiceSettings):
    """What every service has; scoring varies by its rules, hardly by its environment."""

    # Segments wait while more leads than this wait for their score; 0: they never do.
    segments_pause_lag: int = Field(5000, ge=0)
