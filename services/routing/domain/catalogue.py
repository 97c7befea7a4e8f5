"""What assignment rules may ask about: the lead's fields and its score."""

from collections.abc import Callable, Mapping, Set
from typing import Any, Final

from shared.contracts import lead_fields
from shared.rules import Facts, FieldCatalogue, reader_of

_SCORE: Final = "score."

CATALOGUE: Final = FieldCatalogue(
    {
        **lead_fields.LEAD_FIELDS,
        "score.value": "number",
        "score.fit": "number",
        "score.engagement": "number",
        "score.grade": "text",
        "score.temperature": "text",
        "score.level": "number",
        "score.matrix": "text",
        "score.sales_ready": "boolean",
        "score.persona": "text",
    },
    lead_fields.OPEN_PREFIXES,
)

WHOLES: Final = lead_fields.WHOLES
"""Values of several parts, such as the address: no rule asks about one, and a person may be sent to mend it."""


def facts_of(lead: Mapping[str, Any], score: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that a rule sees: the lead with `score` beside, its amounts as numbers."""
    return {**lead_fields.STATE_OF_MOST, **lead_fields.facts_of(lead), "score": score}


def reader_of_facts(asked: Set[str]) -> Callable[[bytes, bytes], Facts]:
    """Reads these facts of the JSON of a lead and of its score; others may be left out."""
    of_score = {field for field in asked if field.startswith(_SCORE)}
    see_lead, see_score = reader_of(asked - of_score), reader_of(field.removeprefix(_SCORE) for field in of_score)
    return lambda lead, score: facts_of(see_lead(lead), see_score(score))
