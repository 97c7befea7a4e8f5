"""Settings of scoring."""

from pathlib import Path

from pydantic import Field

from shared.runtime.settings import ServiceSettings


class ScoringSettings(ServiceSettings):
    """What every service has; scoring varies by its rules, hardly by its environment."""

    # Segments and journeys wait while more leads than this wait for their score; 0: they never do.
    segments_pause_lag: int = Field(5000, ge=0)
    # How each channel sends (docs/journeys.md); a channel that is not configured writes files into this folder.
    channels: Path | None = None
    channels_folder: Path = Path(".leadstream/channels")
