"""Every id that a lead goes by: itself, and those that were merged into it. What these did is the lead's."""

from typing import Final

from shared.persistence.aliases import MAX_STEPS

# A part of a query: `family` has the leads of $1 as `root`, each with all of its ids.
FAMILY: Final = f"""
    family (root, lead_id, step) AS (
        SELECT u.id, u.id, 0 FROM unnest($1::uuid[]) AS u (id)
        UNION ALL
        SELECT f.root, a.loser_id, f.step + 1 FROM family f JOIN aliases a ON a.winner_id = f.lead_id
        WHERE a.loser_id <> a.winner_id AND f.step < {MAX_STEPS}
    )
"""
