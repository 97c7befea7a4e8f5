"""Settings of conversion."""

from shared.runtime.settings import ServiceSettings


class ConversionSettings(ServiceSettings):
    """What every service has; conversion's policy lives in its gate and its pipeline."""
