"""What an import and a dry run begin with: the file inspected and opened, its mapping, the plan that names both."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Final

from services.capture.importing.inspecting import FileFacts, inspect_file
from services.capture.importing.mapping import ColumnMapping
from services.capture.importing.opening import open_table
from services.capture.importing.plans import Plan, PlanFolder
from services.capture.importing.profile import SAMPLE_ROWS, profile_of
from services.capture.importing.refusal import FileRefused
from services.capture.importing.saved import MappingFolder
from services.capture.importing.suggesting import Choices, MappingFile, apply_mapping, column_names, suggested
from services.capture.importing.table import ReadingOptions, Row, Table

_SAMPLE_BYTES: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """An import as the command line says it. `plan` stands for everything but the file; `constants` hold where a row says
    nothing itself."""

    file: Path | None
    source: str | None
    mapping: str | None = None
    plan: str | None = None
    options: ReadingOptions = field(default_factory=ReadingOptions)
    choices: Choices = field(default_factory=Choices)
    constants: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file, open, with the plan of its import. `rows` can be taken once."""

    path: Path
    facts: FileFacts
    table: Table
    mapping: ColumnMapping
    plan: Plan
    rows: Iterator[Row]


def home() -> Path:
    """The folder of this installation's own files."""
    return Path(os.environ.get("LEADSTREAM_HOME", ".")) / ".leadstream"


def plans() -> PlanFolder:
    """Where dry runs leave their plans."""
    return PlanFolder(home() / "imports" / "plans")


def mappings() -> MappingFolder:
    """Where mappings are saved: beside `.leadstream`, for they are written by people and outlive its data."""
    return MappingFolder(Path(os.environ.get("LEADSTREAM_MAPPINGS") or home().parent / "mappings"))


def prepare(wanted: Wanted) -> Prepared:
    """Look at everything before the first row. Raises FileRefused and OSError."""
    plan = plans().read(wanted.plan) if wanted.plan else None
    path = wanted.file or Path(plan.file if plan else "")
    options = plan.options if plan else wanted.options
    facts = inspect_file(path, encoding=options.encoding)
    if plan is not None and plan.digest != facts.digest:
        raise FileRefused(f"the file is not the one of plan {plan.plan_id}: make a new dry run of it")
    table = open_table(path, facts, options)
    source = plan.source if plan else str(wanted.source)
    written = plan.mapping if plan else _with_constants(_mapping_for(wanted, table), wanted.constants)
    rows = iter(table)
    sample = list(_sampled(rows))
    profile = profile_of(column_names(table.header), [row.cells for row in sample if not row.damage])
    mapping = apply_mapping(written, table.header, source=source, profile=profile)
    label = str(mapping.label)
    if plan is None:
        plan = Plan(str(path.resolve()), facts.digest, source, written, label, options)
    elif plan.label != label:
        raise FileRefused(f"this release reads the columns otherwise than plan {plan.plan_id}: make a new dry run")
    return Prepared(path, facts, table, mapping, plan, chain(sample, rows))


def _mapping_for(wanted: Wanted, table: Table) -> MappingFile:
    """A mapping that was written down, with what the command line adds to it; else the one that the names suggest."""
    choices = wanted.choices
    if wanted.mapping is None:
        return suggested(table.header, choices)
    written = mappings().read(wanted.mapping)
    said = {"date_order": choices.date_order, "decimal": choices.decimal}
    update: dict[str, object] = {name: value for name, value in said.items() if value is not None}
    if choices.placeholders:
        update["placeholders"] = [*written.placeholders, *choices.placeholders]
    return written.model_copy(update=update)


def _with_constants(written: MappingFile, constants: Mapping[str, str]) -> MappingFile:
    return written.model_copy(update={"constants": {**written.constants, **constants}}) if constants else written


def _sampled(rows: Iterator[Row]) -> Iterator[Row]:
    size = 0
    for row in islice(rows, SAMPLE_ROWS):
        yield row
        size += sum(map(len, row.cells)) + len(row.raw)
        if size > _SAMPLE_BYTES:
            return
