"""`leadstream rules schema`: what editors complete rule documents by."""

import json
from typing import Annotated

import typer

from services.cli.rules.kinds import AsJson, KindArgument, kind_named
from shared.rules import json_schema_for

OfCases = Annotated[bool, typer.Option("--cases", help="Of the file of cases that stands beside the rules.")]


def schema(kind: KindArgument, cases: OfCases = False, as_json: AsJson = True) -> None:
    """The JSON Schema (2020-12) of a kind's documents, for editors. `rules check` finds more: what no schema can say."""
    chosen = kind_named(kind)
    typer.echo(json.dumps(json_schema_for(chosen.CASES if cases else chosen.MODEL), indent=2, ensure_ascii=False))
