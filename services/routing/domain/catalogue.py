"""What assignment rules may ask about: the lead's fields and its score."""

from collections.abc import Mapping
from typing import Any, Final

from shared.contracts import lead_fields
from shared.rules import FieldCatalogue

CATALOGUE: Final = FieldCatalogue(
    {
        **lead_fields.LEAD_FIELDS,
        "score.value": "number",
        "score.fit": "number",
        "score.engagement": "number",
        "score.grade": "text",
        "score.temperature": "text",
    },
    lead_fields.OPEN_PREFIXES,
)


def facts_of(lead: Mapping[str, Any], score: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that a rule sees: the lead with `score` beside, its amounts as numbers."""
    return {**lead_fields.facts_of(lead), "score": score}
