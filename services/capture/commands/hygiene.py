"""`leadstream hygiene`: the nightly look at leads, at once or as a dry run, and what became of it."""

from collections import Counter
from typing import Annotated, Any

import typer

from services.capture.commands.client import CaptureClient
from services.capture.commands.ending import print_json

hygiene_app = typer.Typer(help="The nightly look at leads: what is stale, who cannot be reached.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


@hygiene_app.command("run", epilog="Example: leadstream hygiene run --dry-run")
def run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at all leads that are due now, and not only at night."""
    with CaptureClient(admin=True) as client:
        found = _preview(client) if dry_run else client.order("POST", "/v1/hygiene/run", {})
    if as_json:
        print_json(found)
    elif dry_run:
        _show_preview(found)
    elif found["status"] == "done":
        typer.echo(f"run {found['result']['run_id']} is under way; see `leadstream hygiene runs`")
    else:
        typer.echo(f"sent; ask later for command {found['command_id']}")


@hygiene_app.command("runs", epilog="Example: leadstream hygiene runs")
def runs(as_json: AsJson = False) -> None:
    """The newest runs: how many leads were looked at, and of how many something was new."""
    with CaptureClient(admin=True) as client:
        found = client.read("/v1/hygiene/runs")
    if as_json:
        print_json(found)
        return
    for item in found["items"]:
        ended = f"ended {item['ended_at']}" if item["ended_at"] else "under way"
        counts = f"{item['checked']:>9} looked at, {item['changed']:>7} changed"
        typer.echo(f"{item['run_id']}  {item['started_at']}  {counts}  {ended}  ({item['asked_by'] or 'a key'})")


def _preview(client: CaptureClient) -> dict[str, Any]:
    """All pages together."""
    totals = {"due": 0, "would_change": 0}
    stale, risks, sample = Counter[str](), Counter[str](), list[str]()
    after: str | None = None
    while True:
        page = client.read("/v1/hygiene/preview", {"after": after})
        for name in totals:
            totals[name] += page[name]
        stale.update(page["stale"])
        risks.update(page["risks"])
        sample = sample or page["lead_ids"]
        after = page["next"]
        if after is None:
            return {"dry_run": True, **totals, "stale": stale, "risks": risks, "lead_ids": sample}


def _show_preview(found: dict[str, Any]) -> None:
    typer.echo(f"{found['due']} leads are due, {found['would_change']} would change; nothing was changed")
    for name, count in sorted(found["stale"].items()):
        typer.echo(f"  stale: {name:<24} {count:>9}")
    for name, count in sorted(found["risks"].items()):
        typer.echo(f"  doubt: {name:<24} {count:>9}")
    if found["lead_ids"]:
        typer.echo("such as " + ", ".join(found["lead_ids"]))
