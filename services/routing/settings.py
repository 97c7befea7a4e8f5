"""Settings of routing."""

from shared.runtime.settings import ServiceSettings


class RoutingSettings(ServiceSettings):
    """What every service has; routing's policy lives in its rules."""
