"""How many points the newest leads have: what a held rate is counted over."""

from collections import Counter
from datetime import timedelta
from typing import Final

from services.scoring.domain.parts import Grades
from shared.handling.work import Work

_SLICE: Final = 5000
_NOBODY: Final = "00000000-0000-0000-0000-000000000000"

# A lead that came within the window was written since. Targets are graded, and are no leads yet.
_POINTS: Final = """
    SELECT lead_id::text, (score::jsonb ->> $3)::int AS points,
           (origin::jsonb ->> 'received_at')::timestamptz >= $2
           AND coalesce(lead::jsonb ->> 'state', 'lead') = 'lead'
           AND coalesce(score::jsonb ->> 'persona', 'default') = 'default'
           AND ($5::int IS NULL OR (score::jsonb -> 'rules' ->> 'version')::int = $5) AS counts
    FROM lead_scores
    WHERE lead_id > $1::uuid AND updated_at >= $2 AND origin IS NOT NULL AND NOT erased AND merged_into IS NULL
      AND score <> 'null'
    ORDER BY lead_scores.lead_id LIMIT $4
"""


async def count_points(
    work: Work, grades: Grades, window_days: int, *, version: int | None = None, most: int | None = None
) -> Counter[int]:
    """Leads that were received within the window, by the points that their grade goes by. `version`: only those whose score was
    given by this version of the model. `most`: about so many of them are
    enough; ids of leads are digests, so those with the first ones are as good as any."""
    since, named = work.now - timedelta(days=window_days), "fit" if grades.by == "fit" else "value"
    found: Counter[int] = Counter()
    after = _NOBODY
    while True:
        rows = await work.fetch(_POINTS, after, since, named, _SLICE, version)
        found.update(row["points"] for row in rows if row["counts"])
        if len(rows) < _SLICE or (most is not None and found.total() >= most):
            return found
        after = rows[-1]["lead_id"]
