"""`python -m tests.evaluation duplicates FILE --label COLUMN`: how well rows of one person are found; `cost`: at what cost;
`import FILE`: what an import makes of a file; `twins`: cells beside what they should be."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from shared.handling.work import Work
from tests.evaluation.cost import measure
from tests.evaluation.duplicates import Evaluated, Labelled, read_rows, run
from tests.evaluation.importing import import_file, twins
from tests.evaluation.scoring import Figures, compare_partitions

app = typer.Typer(no_args_is_help=True, pretty_exceptions_show_locals=False)


@app.callback()
def evaluation() -> None:
    """Measures what capture decides on files of your own. Nothing is stored."""


@app.command()
def duplicates(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV file with a header row.")],
    label: Annotated[str, typer.Option(help="The column that says who a row is about; never mapped.")],
    ignore: Annotated[list[str], typer.Option(help="A column to leave out; may be given several times.")] = [],  # noqa: B006
    region: Annotated[str | None, typer.Option(help="Reads phone numbers without a country, such as US.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Rows a batch.")] = 500,
) -> None:
    """Precision and recall over pairs of rows, with the pairs that were left for people."""
    rows = read_rows(file, label, ignored=ignore)
    work = Work(cast(Any, None), datetime.now(UTC))
    found = asyncio.run(run(rows, work, batch=batch, region=region))
    figures = compare_partitions({row.row: row.label for row in rows}, found.leads)
    for line in _report(figures, found, rows):
        typer.echo(line)


_GIVEN = ("Ann", "Bob", "Carla", "Dirk", "Eve", "Farid", "Gita", "Hugo", "Ines", "Jan", "Kira")
_SYLLABLES = ("Mar", "Lo", "Ken", "Ter", "Son", "Bur", "Dal")


@app.command()
def cost(batch: Annotated[int, typer.Option(min=1, help="Leads a batch.")] = 500) -> None:
    """Processor time that the domain's part of identity takes a lead, of which most are new."""
    leads: list[dict[str, Any]] = [
        {
            "email": f"person{n}@company{n % 97}.com",
            "phone": f"+1415555{n:04d}",
            "first_name": _GIVEN[n % len(_GIVEN)],
            "last_name": _SYLLABLES[n % 7] + _SYLLABLES[n // 7 % 7].lower() + _SYLLABLES[n // 49 % 7].lower(),
            "company": {"name": f"Company {n % 97}"},
        }
        for n in range(batch)
    ]
    for name, spent in measure(leads)._asdict().items():
        typer.echo(f"{name.replace('_', ' '):<14}{spent:6.2f} us")


def _report(figures: Figures, found: Evaluated, rows: list[Labelled]) -> list[str]:
    labels = {row.row: row.label for row in rows}
    people_of: dict[str, set[str]] = {}
    for row, lead_id in found.leads.items():
        people_of.setdefault(lead_id, set()).add(labels[row])
    right = sum(1 for pair in found.asked if len(set.intersection(*(people_of[lead_id] for lead_id in pair))) > 0)
    return [
        f"rows       {figures.rows} (refused {found.refused})",
        f"people     {figures.people}, leads {figures.leads}",
        f"precision  {figures.precision:.5f}  ({figures.joined - figures.rightly} of {figures.joined} joined pairs wrong)",
        f"recall     {figures.recall:.5f}  ({figures.pairs - figures.rightly} of {figures.pairs} pairs missed)",
        f"merged     {sum(found.merges.values())} leads by themselves {found.merges}",
        f"asked      {len(found.asked)} pairs of leads, {right} of them one person",
        f"took       {found.seconds:.2f} s, {found.seconds / max(1, len(rows)) * 1e6:.0f} us a row",
        *(f"wrong      rows {a} and {b}" for a, b in figures.wrong),
        *(f"missed     rows {a} and {b}" for a, b in figures.missed),
    ]


app.command("import")(import_file)
app.command()(twins)


if __name__ == "__main__":
    app()
