"""`leadstream import --dry-run`: the first rows as they would become. Nothing is sent and nothing is stored but a plan."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Protocol

import orjson
import typer

from services.capture.commands.client import CaptureClient
from services.capture.commands.ending import print_json
from services.capture.commands.preparing import Prepared, plans
from services.capture.domain.facts import facts_of
from services.capture.domain.payload import JSON_TYPE
from services.capture.domain.people import stamp_of_record
from services.capture.domain.reading import Reading, read_value
from services.capture.domain.view import lead_view
from services.capture.importing.cells import EXPLAINED
from services.capture.importing.mapping import FLAGS_KEY, Column
from services.capture.importing.records import RowRecord, RowRecords, explained

_SHOWN_FIELDS: Final = (
    "external_ids", "email", "phone", "name", "title", "address", "source", "campaign", "message", "warnings",
)  # fmt: skip
_EXPLAINED: Final[Mapping[str, str]] = {str(flag): why for flag, why in EXPLAINED.items()}


class Preview(Protocol):
    """Score and owner of a lead, by rules that `notes` names."""

    @property
    def notes(self) -> Sequence[str]:
        """Which rules are used."""

    def of(self, lead: Mapping[str, Any]) -> dict[str, Any]:
        """Of a lead as `lead.captured` carries it: score, grade, owner or queue, rule and reason."""


def show_first(
    prepared: Prepared,
    records: RowRecords,
    count: int,
    preview: Callable[[], Preview] | None,
    *,
    as_json: bool,
) -> None:
    """Show the first rows, what is wrong with them, whom they would be joined to, their score and owner."""
    rows = [records.record(row) for row in islice(prepared.rows, count)]
    previewed = preview() if preview is not None else None
    known, about_known = _known(rows, prepared.plan.source)
    shown = [_row(row, prepared.plan.source, known, previewed) for row in rows]
    plans().keep(prepared.plan)
    notes = [*prepared.table.notes, *(previewed.notes if previewed else ()), *about_known]
    if as_json:
        print_json(_document(prepared, shown, notes))
        return
    _print_head(prepared, notes)
    for row in shown:
        _print_row(row)
    typer.echo(f"nothing was sent; to import exactly this: leadstream import --plan {prepared.plan.plan_id}")


def _known(rows: Sequence[RowRecord], source: str) -> tuple[dict[int, dict[str, Any]], list[str]]:
    """By row, what capture would do with it; empty, and why, where it cannot be asked."""
    asked = [row for row in rows if row.refusal is None]
    if not asked:
        return {}, []
    answers, why = CaptureClient.matches(source, [orjson.loads(row.value) for row in asked])
    if answers is None:
        return {}, [f"duplicates are not looked for: {why}"]
    for answer in answers:
        if "like" in answer:
            answer["row"] = asked[answer.pop("like")].number
    return {row.number: answer for row, answer in zip(asked, answers, strict=True)}, []


def _row(row: RowRecord, source: str, known: Mapping[int, dict[str, Any]], preview: Preview | None) -> dict[str, Any]:
    lead = _lead(row, source)
    found = known.get(row.number)
    duplicate = found if found is not None and found["outcome"] == "merged" else None
    return {
        "row": row.number,
        "lead": {name: value for name, value in lead.items() if value and name not in ("first_touch", "last_touch")}
        if lead
        else None,
        "error": explained(row) or _refused(row, found),
        "flags": lead["extra"].get(FLAGS_KEY, []) if lead else [],
        "duplicate": {name: duplicate[name] for name in ("lead_id", "row", "matched_by") if name in duplicate}
        if duplicate
        else None,
        "decision": preview.of(lead) if lead and preview else None,
    }


def _refused(row: RowRecord, found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What capture refuses that the file alone does not show: by its validation rules."""
    if found is None or found["outcome"] != "rejected":
        return None
    return {"row": row.number, **{name: value for name, value in found.items() if name != "outcome"}}


def _lead(row: RowRecord, source: str) -> dict[str, Any] | None:
    read = read_value(row.value, JSON_TYPE) if row.refusal is None else None
    if not isinstance(read, Reading):
        return None
    stamp = stamp_of_record(0, 0, row.number, row.event_id)
    return lead_view(facts_of(read.clean, stamp, source_name=source), "")


def _document(prepared: Prepared, rows: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> dict[str, Any]:
    mapping = prepared.mapping
    return {
        "plan": prepared.plan.plan_id,
        "kind": prepared.facts.kind,
        "encoding": prepared.facts.encoding,
        "delimiter": prepared.table.delimiter,
        "mapping": mapping.label,
        "columns": {column.name: column.place or "extra" for column in mapping.columns},
        "suggestions": [_suggestion(column) for column in mapping.columns],
        "notes": list(notes),
        "rows": list(rows),
        "published": 0,
    }


def _suggestion(column: Column) -> dict[str, Any]:
    return {
        "column": column.name,
        "field": column.place or "extra",
        "confidence": column.confidence,
        "maybe": column.maybe,
        "date_order": column.order,
    }


def _print_head(prepared: Prepared, notes: Sequence[str]) -> None:
    facts, table, mapping = prepared.facts, prepared.table, prepared.mapping
    text = f", encoding {facts.encoding}, delimiter {table.delimiter!r}" if table.delimiter else ""
    typer.echo(f"{facts.kind}{text}, {len(mapping.columns)} columns; mapping {mapping.label}")
    for column in mapping.columns:
        sure = f" (confidence {column.confidence:.2f})" if column.place and column.confidence < 1 else ""
        maybe = f" (is it {column.maybe}? say so in a mapping)" if column.maybe else ""
        typer.echo(f"  {column.name} -> {column.place or 'extra'}{sure}{maybe}")
    for note in notes:
        typer.echo(f"  {note}")


def _print_row(row: Mapping[str, Any]) -> None:
    why = row["error"]
    if why is not None:
        place = f" ({why['field']})" if why["field"] else ""
        typer.echo(f"row {row['row']}: rejected, {why['code']}{place}: {why['detail']}")
        return
    lead = row["lead"]
    said = [f"{name}={lead[name]}" for name in _SHOWN_FIELDS if lead.get(name)]
    company = lead.get("company") or {}
    said += [f"company={company['name']}"] if company.get("name") else []
    typer.echo(f"row {row['row']}: {', '.join(said)}")
    for flagged in row["flags"]:
        column, _, flag = flagged.rpartition(": ")
        typer.echo(f"    {column}: {_EXPLAINED.get(flag, flag)}")
    if duplicate := row["duplicate"]:
        whom = f"lead {duplicate['lead_id']}" if "lead_id" in duplicate else f"row {duplicate['row']}"
        typer.echo(f"    duplicate of {whom}, by {duplicate['matched_by']}")
    if decision := row["decision"]:
        typer.echo(
            f"    score {decision['score']} ({decision['grade']}, {decision['temperature']}), {_holder(decision)}"
        )


def _holder(decision: Mapping[str, Any]) -> str:
    why = f"rule {decision['rule']}"
    if decision["in_turn"]:
        return f"in turn among {', '.join(decision['in_turn'])}; {why}"
    return f"owner {decision['owner']}; {why}" if decision["owner"] else f"queue {decision['queue']}; {why}"
