"""Settings of scoring."""

from shared.runtime.settings import ServiceSettings


class ScoringSettings(ServiceSettings):
    """What every service has; scoring varies by its rules, not by its environment."""
