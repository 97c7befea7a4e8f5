"""What an import makes of a file, without servers: rows in, rows rejected and why, and what mending them by hand gives."""

import csv
import json
import resource
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.capture.importing.inspecting import inspect_file
from services.capture.importing.opening import open_table
from services.capture.importing.records import RowRecords
from services.capture.importing.rejects import REASONS, RejectedRows
from services.capture.importing.suggesting import apply_mapping, suggested

_SECRET: Final = b"of an evaluation: nothing is sent"
_AT: Final = "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Imported:
    """Of one file. `accepted` are the ids of the rows that capture would take, `seconds` is processor time."""

    kind: str
    rows: int
    accepted: frozenset[str]
    codes: Counter[str]
    flags: Counter[str]
    rejected: Path | None
    seconds: float


def run_import(file: Path, rejected: Path) -> Imported:
    """Every row as the importer would send it; the rejected ones into a file of theirs."""
    began = time.process_time()
    facts = inspect_file(file)
    table = open_table(file, facts)
    mapping = apply_mapping(suggested(table.header), table.header, source="evaluation")
    records = RowRecords(facts.digest, "evaluation", mapping, _SECRET, _AT)
    out = RejectedRows(rejected, table.header)
    codes: Counter[str] = Counter()
    accepted: set[str] = set()
    rows = 0
    for row in table:
        rows += 1
        record = records.record(row)
        if record.refusal is None:
            accepted.add(record.event_id)
        else:
            codes[record.refusal.code] += 1
            out.write([(row, record)])
    out.close()
    flags = Counter({f"{name}: {flag}": n for (name, flag), n in mapping.flagged.items()})
    return Imported(facts.kind, rows, frozenset(accepted), codes, flags, out.path, time.process_time() - began)


def mend_swallowed(rejected: Path, mended: Path) -> int:
    """What a person does with rows that some program put into one cell: open them up again. How many could be."""
    count = 0
    with (
        rejected.open(encoding="utf-8-sig", newline="") as before,
        mended.open("w", encoding="utf-8", newline="") as after,
    ):
        rows, writer = csv.reader(before), csv.writer(after)
        header = next(rows)
        writer.writerow(header)
        width = len(header) - len(REASONS)
        for row in rows:
            opened = next(csv.reader([row[0]]), [])
            if len(opened) == width and not any(row[1:width]):
                row[:width] = opened
                count += 1
            writer.writerow(row)
    return count


def differs_from_twin(file: Path, twin: Path) -> str | None:
    """How a CSV file's cells differ from the JSON document that says what they are; None where they do not."""
    table = open_table(file, inspect_file(file))
    found = [dict(zip(table.header, row.cells, strict=True)) for row in table]
    wanted: list[Any] = json.loads(twin.read_text(encoding="utf-8"))
    if found == wanted:
        return None
    if len(found) != len(wanted):
        return f"{len(found)} rows, not {len(wanted)}"
    return next(
        f"row {number} differs" for number, pair in enumerate(zip(found, wanted, strict=True), 2) if pair[0] != pair[1]
    )


def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV, XLSX, XLS, ODS or vCard.")],
) -> None:
    """Rows in, rows rejected and why, cells flagged; then the swallowed rows opened up again and imported once more."""
    with tempfile.TemporaryDirectory() as folder:
        found = run_import(file, Path(folder) / "rejected.csv")
        _say(file.name, found)
        if found.rejected is None:
            return
        mended = Path(folder) / "mended.csv"
        count = mend_swallowed(found.rejected, mended)
        again = run_import(mended, Path(folder) / "again.csv")
        _say(f"rejected rows, {count:,} opened up again", again)
        typer.echo(f"in all {len(found.accepted | again.accepted):,} rows in")


def twins(
    files: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A folder of CSV files.")],
    documents: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="A folder of JSON files, named alike.")
    ],
) -> None:
    """Whether the cells of each CSV file are what the JSON document of its name says. Ends with 1 where one is not."""
    wrong = 0
    for file in sorted(files.glob("*.csv")):
        why = differs_from_twin(file, documents / f"{file.stem}.json")
        wrong += why is not None
        typer.echo(f"{file.name}: {why or 'equal'}")
    raise typer.Exit(int(wrong > 0))


def _say(what: str, found: Imported) -> None:
    codes = ", ".join(f"{n:,} {code}" for code, n in found.codes.most_common()) or "none"
    rate = found.rows / found.seconds if found.seconds else 0.0
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    typer.echo(f"{what} ({found.kind}): {found.rows:,} rows, {len(found.accepted):,} in; rejected: {codes}")
    typer.echo(f"  {rate:,.0f} rows a second of processor time, at most {memory} MiB")
    for flag, n in found.flags.most_common():
        typer.echo(f"  flagged {n:,} times: {flag}")
