"""Logs of phone calls, one or a list: whoever was spoken to, by number, and what was noted of it."""

from typing import Any, Final

from services.capture.domain.placing import FieldMapping
from services.capture.domain.refusal import Refused, refuse
from services.capture.sources.composing import compose
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.gathering import Gathered, text_of
from services.capture.sources.generic import json_inputs
from services.capture.sources.protocol import Document

# direction -> the field with the number of the other side.
_OTHER_SIDE: Final = {"inbound": "from", "outbound": "to"}
_STEERING: Final = frozenset({"id", "at", "test", "direction", "from", "to", "agent", "duration_s", "result"})
_BUILT_IN: Final = FieldMapping("calls@1", {"subject": "extra", "recording": "extra", "url": "extra", "state": "extra"})
_NOTES: Final = ("agent", "duration_s", "result")


class Calls(Gathered):
    """See protocol.WebSource."""

    def read(self, raw: bytes, content_type: str, source: ConfiguredSource | None) -> Document | Refused:
        """The number of the other side is the person's; our own is nobody's. Other fields go by their names."""
        found = json_inputs(raw)
        if isinstance(found, Refused):
            return found
        values = dict(found)
        direction = text_of(values, "direction") or ""
        if direction not in _OTHER_SIDE:
            return refuse("invalid_value", "direction")
        number = text_of(values, _OTHER_SIDE[direction])
        if number is None:
            return refuse("no_identifier", _OTHER_SIDE[direction])
        parts: dict[str, Any] = {
            "phone": number,
            "test": values.get("test") is True or None,
            "extra": {f"call_{name}": values.get(name) for name in _NOTES} | {"call_direction": direction},
        }
        inputs = [(name, value) for name, value in found if name not in _STEERING]
        return compose(inputs, source, built_in=_BUILT_IN, lead_source=f"phone/{direction}", parts=parts)
