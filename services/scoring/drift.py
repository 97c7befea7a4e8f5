"""A learned model that is live is watched: every hour the scores of the leads that came lately are held against those that it was
learned from. Models that were not learned cost one look-up.
"""

from dataclasses import dataclass
from typing import Final

import structlog

from services.scoring.adapters.flow import count_points
from services.scoring.domain.learning.drifting import Drift, drift_of
from services.scoring.domain.learning.reporting import MOVED
from services.scoring.domain.model import KIND, load_scoring_model
from services.scoring.domain.parts import Grades
from shared.handling.work import Work
from shared.observability.metrics import LEARNED_SCORE_STABILITY
from shared.persistence.rule_versions import find_version

log = structlog.get_logger(__name__)

WINDOW_DAYS: Final = 14
MOST_LEADS: Final = 20_000
"""About so many leads are counted, which bounds what a look costs."""


async def find_drift(work: Work) -> Drift | None:
    """The drift of the live model; None where it was not learned."""
    live = await find_version(work, KIND, None)
    learned = None if live is None else load_scoring_model(live["document"]).model.learned
    if live is None or learned is None:
        return None
    version: int = live["version"]
    points = await count_points(work, Grades(by="total"), WINDOW_DAYS, version=version, most=MOST_LEADS)
    return drift_of(version, learned.scores, points)


@dataclass(slots=True)
class DriftWatch:
    """What this process told last: the version that the metric is of, and whether its scores had moved."""

    version: str | None = None
    moved: bool = False

    def note(self, drift: Drift | None) -> None:
        """Set the metric; warn when scores have moved that had not at the last look."""
        told = None if drift is None or drift.stability is None else str(drift.version)
        if self.version != told:
            if self.version is not None:
                LEARNED_SCORE_STABILITY.remove(self.version)
            self.version, self.moved = told, False
        if drift is None or drift.stability is None:
            return
        LEARNED_SCORE_STABILITY.labels(version=str(drift.version)).set(drift.stability)
        moved = drift.says == "moved"
        if moved and not self.moved:
            log.warning(
                "learned_score_moved",
                version=drift.version,
                stability=round(drift.stability, 4),
                threshold=MOVED,
                leads=sum(drift.live),
            )
        self.moved = moved
