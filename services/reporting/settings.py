"""Reporting's settings."""

from pydantic import Field

from shared.runtime.settings import ServiceSettings


class ReportingSettings(ServiceSettings):
    """Every variable is `LEADSTREAM_<FIELD>`."""

    parked_days: int = Field(90, ge=1, description="Days that dead letters and rejects are kept")
    months_ahead: int = Field(3, ge=1, le=24, description="Monthly partitions created ahead")
