"""`leadstream quarantine list | show | release | reject`."""

from typing import Annotated, Any, Final

import typer

from services.capture.commands.client import CaptureClient
from services.capture.commands.ending import FOUND_WRONG, print_json

quarantine_app = typer.Typer(help="Submissions that look like spam and wait for somebody.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
Receipts = Annotated[list[str], typer.Argument(help="Receipts, as `leadstream quarantine list` shows them.")]
Why = Annotated[str, typer.Option("--note", help="Why: kept with the submission.", min=1)]
_LIST: Final = "Example: leadstream quarantine list --source website"


@quarantine_app.command("list", epilog=_LIST)
def list_held(
    state: Annotated[str, typer.Option(help="held, released, rejected, erased.")] = "held",
    source: Annotated[str | None, typer.Option(help="Of this source only.")] = None,
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1, max=200)] = 50,
    as_json: AsJson = False,
) -> None:
    """What waits, and why; what was submitted is not shown."""
    with CaptureClient(admin=True) as client:
        found = client.get("/v1/quarantine", state=state, source=source, limit=limit)
    if as_json:
        return print_json(found)
    for one in found["quarantine"]:
        typer.echo(f"{one['receipt_id']}  {one['received_at']}  {one['source']}  {', '.join(one['reasons'])}")
    if not found["quarantine"]:
        typer.echo(f"nothing is {state}")


@quarantine_app.command("show", epilog="Example: leadstream quarantine show 0197…")
def show_held(receipt_id: Annotated[str, typer.Argument(help="The receipt.")], as_json: AsJson = False) -> None:
    """One with what was submitted, which is personal."""
    with CaptureClient(admin=True) as client:
        found = client.get(f"/v1/quarantine/{receipt_id}")
    if as_json:
        return print_json(found)
    for name, value in found.items():
        if value is not None:
            shown = ", ".join(value) if isinstance(value, list) else value
            typer.echo(f"{name.replace('_', ' ')}: {shown}")


@quarantine_app.command("release", epilog='Example: leadstream quarantine release 0197… --note "a customer of ours"')
def release(receipts: Receipts, note: Why, as_json: AsJson = False) -> None:
    """Let submissions go on: each becomes a lead with its own id and time."""
    _settle("release", receipts, note, as_json=as_json)


@quarantine_app.command("reject", epilog='Example: leadstream quarantine reject 0197… --note "spam"')
def reject(receipts: Receipts, note: Why, as_json: AsJson = False) -> None:
    """End submissions as rejected. They are kept all the same."""
    _settle("reject", receipts, note, as_json=as_json)


def _settle(verdict: str, receipts: list[str], note: str, *, as_json: bool) -> None:
    with CaptureClient(admin=True) as client:
        answers = [client.command(f"/v1/quarantine/{receipt}/{verdict}", {"note": note}) for receipt in receipts]
    if as_json:
        print_json(answers)
    else:
        for receipt, answer in zip(receipts, answers, strict=True):
            typer.echo(f"{receipt}: {_said(answer)}")
    if any(answer["status"] != "done" for answer in answers):
        raise typer.Exit(FOUND_WRONG)


def _said(answer: dict[str, Any]) -> str:
    result = answer.get("result") or {}
    if answer["status"] == "done":
        lead = f", lead {result['lead_id']}" if result.get("lead_id") else ""
        return f"{result.get('outcome')}{lead}"
    return f"{answer['status']}: {answer.get('reason') or ''} {result.get('detail') or ''}".strip()
