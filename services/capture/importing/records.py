"""Rows as inbound records: a row's id is the file's and its number, so that a second import changes nothing."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from services.capture.domain.facts import facts_of
from services.capture.domain.identity import IdentityKey, hashed_key
from services.capture.domain.payload import JSON_TYPE
from services.capture.domain.people import stamp_of_record
from services.capture.domain.reading import MAX_BYTES, ROW_TYPE, judge_value, read_value
from services.capture.domain.receipt import receipt_of
from services.capture.domain.refusal import Refused
from services.capture.domain.validation import NO_RULES, Validation
from services.capture.domain.view import lead_view
from services.capture.handlers.arrivals import RECEIPT_HEADER, ROW_HEADER
from services.capture.importing.mapping import ColumnMapping
from services.capture.importing.table import MAX_ROW, Row
from shared.contracts import ids
from shared.contracts.commands.capture import DAMAGE_HEADER, LEAD_SUBMITTED, LIST_HEADER
from shared.contracts.envelope import Envelope

_ROW_TOO_LARGE: Final = f"a row may have {MAX_ROW:,} characters, and 256 KiB as a lead"


@dataclass(frozen=True, slots=True)
class RowRecord:
    """A row, ready to be sent. `refusal` is what capture will say of it."""

    number: int
    event_id: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    refusal: Refused | None


@dataclass(frozen=True, slots=True)
class RowRecords:
    """Makes records of the rows of one file. `file_id` is what the rows' ids begin with."""

    file_id: str
    source: str
    mapping: ColumnMapping
    secret: bytes
    at: str
    default_region: str | None = None
    validation: Validation = NO_RULES

    def record(self, row: Row) -> RowRecord:
        """The record of a row; a damaged one is stored as it stands, one that is too large as far as it may be."""
        value, content_type = self._value(row)
        if len(value) > MAX_BYTES:
            row = Row(row.number, row.cells, damage="too_large")
            value, content_type = value[:MAX_BYTES], ROW_TYPE
        ce_id = f"{self.file_id}/{row.number}"
        event_id = ids.root_event_id(self.source, ce_id)
        judged = judge_value(
            value, content_type, source_name=self.source, damage=row.damage, default_region=self.default_region
        )
        refusal = judged if isinstance(judged, Refused) else self._by_rule(value, row)
        key = hashed_key(judged, secret=self.secret) if isinstance(judged, IdentityKey) else event_id
        headers = self._headers(ce_id, event_id, content_type, row)
        return RowRecord(row.number, event_id, key.encode(), value, headers, refusal)

    def _by_rule(self, value: bytes, row: Row) -> Refused | None:
        """What the validation rules say of a row that can be read. Nothing is read where there are none."""
        if not self.validation.rules:
            return None
        read = read_value(value, JSON_TYPE, default_region=self.default_region)
        if isinstance(read, Refused):
            return read
        stamp = stamp_of_record(0, 0, row.number, "")
        return self.validation.refusal(lead_view(facts_of(read.clean, stamp, source_name=self.source), ""), self.source)

    def _value(self, row: Row) -> tuple[bytes, str]:
        if row.damage:
            return row.raw.encode("utf-8", "surrogatepass"), ROW_TYPE
        return orjson.dumps(self.mapping.document(row.cells)), JSON_TYPE

    def _headers(self, ce_id: str, event_id: str, content_type: str, row: Row) -> list[tuple[str, bytes]]:
        receipt_id = receipt_of(event_id, secret=self.secret)
        headers = Envelope(ce_id, LEAD_SUBMITTED, self.source, receipt_id, self.at).headers()
        headers = [pair for pair in headers if pair[0] != "content-type"]
        headers += [
            ("content-type", content_type.encode()),
            (RECEIPT_HEADER, receipt_id.encode()),
            (ROW_HEADER, str(row.number).encode()),
        ]
        if row.damage:
            headers += [(DAMAGE_HEADER, row.damage.encode()), *self._list_header()]
        return headers

    def _list_header(self) -> list[tuple[str, bytes]]:
        """The list that a damaged row came on."""
        said = self.mapping.constants
        if "list.name" not in said:
            return []
        return [(LIST_HEADER, orjson.dumps({"name": said["list.name"], "vendor": said.get("list.vendor")}))]


def explained(record: RowRecord) -> dict[str, Any] | None:
    """Why a row will be rejected, for people and scripts; None when it will not be."""
    if record.refusal is None:
        return None
    why = record.refusal
    detail = _ROW_TOO_LARGE if why.code == "too_large" else why.detail
    said = {"row": record.number, "code": why.code, "field": why.field, "detail": detail}
    return {**said, "rule": why.rule} if why.rule is not None else said
