"""What people do, in the books: what became of each event, and the steps that leads took with materials."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from services.reporting.domain.extract import UNREADABLE, Extract, plain_text
from services.reporting.domain.glance import Glance
from services.reporting.domain.ledger import FATES
from services.reporting.domain.rows import MaterialRow, Rows
from shared.handling.records import Record

STEPS: Final = ("requested", "sent", "delivered", "opened", "replied")
_OF_MATERIAL: Final = b'"kind":"material.'


def note_behaviour(record: Record, value: bytes, seen: Glance, at_us: int, rows: Rows) -> None:
    """A `lead.behaved`: its inbound record has its lead, and a material may have come a step further."""
    if seen.settlement is not None:
        rows.fates.mark(*seen.settlement.place, seen.settlement.outcome)
    if _OF_MATERIAL in value:
        _note_material(record, value, seen.lead_id, at_us, rows)


def _note_material(record: Record, value: bytes, lead_id: str, at_us: int, rows: Rows) -> None:
    try:
        data = orjson.loads(value)
        step, material_id = data["kind"].removeprefix("material."), data.get("material_id")
    except UNREADABLE:
        return
    if step in STEPS and isinstance(material_id, str):
        human = data.get("human") is not False
        rows.materials.append(MaterialRow(record.event_id, plain_text(material_id), lead_id, step, at_us, human))


def note_fate(parts: Extract, rows: Rows) -> None:
    """A `behaviour.settled`: what became of an event that has no lead."""
    said = parts.settlement
    if said is not None and said.outcome in FATES:
        rows.fates.mark(*said.place, said.outcome)


def note_correction(facts: Mapping[str, Any], rows: Rows) -> None:
    """A `behaviour.corrected`: an event that was taken back, or that a machine did, does not count."""
    corrects = facts.get("corrects")
    if isinstance(corrects, str):
        rows.corrected[corrects] = facts.get("change") != "retracted" and facts.get("human") is not False
