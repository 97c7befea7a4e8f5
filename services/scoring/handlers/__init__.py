"""Use cases of scoring."""

from services.scoring.handlers.outcomes import STAGE

__all__ = ["STAGE"]
