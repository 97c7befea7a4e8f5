"""`leadstream dead-letters replay`: one letter, edited or as it is, or all that are chosen, at a rate."""

import base64
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import click
import orjson
import typer

from services.reporting.cli.client import MISSING, USAGE, WRONG, JsonOption, call, fail, fail_with, get, send, show_json
from services.reporting.cli.letter_filters import Before, Reason, ServiceName, Since, Source, chosen, pages
from services.reporting.cli.progress import progress_of
from services.reporting.cli.tables import print_table
from services.reporting.domain.editing import NotEditable, edited

# Which of a kind are chosen where no id is named.
_STATE_OF: Final = {"dead_letter": "waiting", "rejected": "refused"}
_MOST_AT_ONCE: Final = 100
_SLICES_A_SECOND: Final = 4
_STUCK_S: Final = 60.0
_POLL_S: Final = 0.3
_COUNTED: Final = ("service", "reason", "count")
_OUTCOMES: Final = ("service", "status", "outcome", "reason", "count")


@dataclass
class Run:
    """Records that are replayed together."""

    ids: list[str]
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    sent: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)
    stopped: bool = False


def replay(
    dead_letter_id: Annotated[str | None, typer.Argument(help="One letter; without it, all that are chosen.")] = None,
    kind: Annotated[str, typer.Option(help="dead_letter, or rejected: what capture refused.")] = "dead_letter",
    service: ServiceName = None,
    reason: Reason = None,
    source: Source = None,
    first: Since = None,
    last: Before = None,
    everything: Annotated[bool, typer.Option("--all", help="Every letter that waits, without a filter.")] = False,
    edit: Annotated[bool, typer.Option("--edit", help="Open the value of one letter in $EDITOR first.")] = False,
    body: Annotated[Path | None, typer.Option(help="A file with the new value of one letter; - reads it.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="field=text or field:=json of one letter; may be repeated.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why, kept with the replay.")] = "",
    rate: Annotated[str, typer.Option(help="At most so many a second.")] = "100/s",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, or show the edited value; send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Hand dead letters, or what was refused, again to the service that failed, under their original id and time.

    Each is applied once, however often it is replayed. What fails again is a new letter that names the first one.
    What was refused is read from Kafka, which keeps it for 14 days. Exit code 1 when one failed again or was refused.
    """
    if kind not in _STATE_OF:
        fail(USAGE, "A kind is dead_letter or rejected; what could not be read is replayed one by one, by its id.")
    filters = chosen(kind, service, reason, source, first, last, _STATE_OF[kind])
    editing = edit or body is not None or bool(changes)
    if dead_letter_id is not None:
        if any((service, reason, source, first, last, everything)):
            fail(USAGE, "Either one letter by its id, or filters.")
        return _replay_one(dead_letter_id, edit, body, changes or [], note, dry_run=dry_run, as_json=as_json)
    if editing:
        fail(USAGE, "Only one letter at a time can be edited: name its id.")
    if not everything and not any((service, reason, source, first, last)):
        fail(USAGE, "Name a letter, choose some (--service, --reason, --source, --from, --to), or say --all.")
    _replay_many(filters, _rate(rate), note, dry_run=dry_run, yes=yes, as_json=as_json)


# -- one ------------------------------------------------------------------------------------------------------------


def _replay_one(
    letter_id: str, edit: bool, body: Path | None, changes: list[str], note: str, *, dry_run: bool, as_json: bool
) -> None:
    if not letter_id.replace("-", "").isalnum():
        fail(USAGE, "A dead letter's id is a UUID.")
    if sum((edit, body is not None, bool(changes))) > 1:
        fail(USAGE, "One of --edit, --body and --set.")
    value = _edited_value(letter_id, edit, body, changes)
    if dry_run:
        get(f"/v1/dead-letters/{letter_id}")
        typer.echo("1 letter would be replayed; nothing is sent")
        if value is not None:
            typer.echo(value.decode(errors="replace"))
        return
    wanted: dict[str, Any] = {"note": note}
    if value is not None:
        wanted |= {"value": base64.b64encode(value).decode(), "value_encoding": "base64"}
    answer = send("POST", f"/v1/dead-letters/{letter_id}/replay", body=wanted)
    said = answer.json() if answer.headers.get("content-type", "").startswith("application/json") else None
    if said is None or (answer.status_code not in (200, 202, 409)):
        fail_with(answer)
    if as_json:
        show_json(said)
    else:
        typer.echo(said_of(said), err=answer.status_code == 409)
    if answer.status_code == 409 or (said.get("result") or {}).get("outcome") == "rejected":
        raise typer.Exit(WRONG)


def said_of(completed: dict[str, Any]) -> str:
    """What became of a replay, for people."""
    result = completed.get("result") or {}
    match completed["status"]:
        case "pending":
            return "sent; it is not done yet. `leadstream dead-letters show` tells what became of it"
        case "done" if result.get("outcome") == "rejected":
            return f"refused again: {result.get('outcome_reason') or 'as it was before'}"
        case "done" if result.get("replayed"):
            subject = f", {result['subject']}" if result.get("subject") else ""
            reason = f" ({result['outcome_reason']})" if result.get("outcome_reason") else ""
            return f"replayed: {result['outcome']}{reason}{subject}"
        case "done":
            return f"nothing to do: it was applied before ({result.get('outcome')})"
        case "dead_lettered":
            why = " ".join(filter(None, (result.get("place"), result.get("exception"))))
            return f"failed again: {completed['reason']}{f', {why}' if why else ''}; it waits as a new dead letter"
    return f"refused: {completed['reason']}: {result.get('detail', '')}"


def _edited_value(letter_id: str, edit: bool, body: Path | None, changes: list[str]) -> bytes | None:
    if body is not None:
        try:
            return sys.stdin.buffer.read() if str(body) == "-" else body.read_bytes()
        except OSError as error:
            fail(USAGE, f"{body}: {error.strerror}")
    if not edit and not changes:
        return None
    found = get(f"/v1/dead-letters/{letter_id}")
    if found["kind"] == "rejected" and found["value"] is None and found["value_encoding"] != "masked":
        fail(WRONG, "Kafka, which has the original, does not answer or does not hold it any more.")
    if found["value_encoding"] != "utf-8":
        fail(WRONG, "The value is no text, or this key may not see it; give a whole one with --body.")
    try:
        return edited(found["value"].encode(), changes) if changes else _by_hand(found["value"])
    except NotEditable as error:
        fail(USAGE, str(error))


def _by_hand(value: str) -> bytes:
    text = click.edit(value, extension=".json")
    if text is None or text.rstrip("\n") == value.rstrip("\n"):
        fail(USAGE, "The value was left as it is: nothing is sent. To replay it so, leave --edit out.")
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        fail(USAGE, f"What you wrote is not JSON (line {error.lineno}, column {error.colno}): nothing is sent.")
    return text.encode()


# -- many -----------------------------------------------------------------------------------------------------------


def _rate(text: str) -> float:
    number = text.removesuffix("/s").strip()
    try:
        rate = float(number)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 10_000:
        fail(USAGE, "A rate is a number of letters a second, like 50/s.")
    return rate


def _replay_many(
    filters: dict[str, str | None], rate: float, note: str, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    counts = get("/v1/dead-letters/counts", **filters)
    if dry_run:
        if as_json:
            return show_json({"would_replay": counts["total"], "counts": counts["counts"]})
        print_table(_COUNTED, counts["counts"])
        typer.echo(f"{counts['total']:,} letters would be replayed; nothing is sent")
        return
    if counts["total"]:
        _confirm(counts["total"], rate, yes=yes)
    run = Run([letter["id"] for page in pages(filters) for letter in page][::-1])
    _send(run, rate, note, quiet=as_json)
    completed = _await(run, quiet=as_json)
    _report(run, completed, as_json=as_json)


def _confirm(total: int, rate: float, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        fail(USAGE, f"{total:,} letters would be replayed. Nobody can be asked here: say --yes, or --dry-run.")
    typer.confirm(f"Replay {total:,} letters, {rate:g} a second (about {total / rate:,.0f} s)?", abort=True)


def _send(run: Run, rate: float, note: str, *, quiet: bool) -> None:
    """Oldest first, in slices, never faster than the rate. Ctrl-C stops between two slices; each letter is whole."""
    size = max(1, min(_MOST_AT_ONCE, int(rate / _SLICES_A_SECOND)))
    began = time.monotonic()
    with progress_of("replay", len(run.ids), quiet=quiet) as shown:
        try:
            for start in range(0, len(run.ids), size):
                part = run.ids[start : start + size]
                time.sleep(max(0.0, began + (start + len(part)) / rate - time.monotonic()))
                answer = call("POST", "/v1/dead-letters/replay", body={"ids": part, "run_id": run.run_id, "note": note})
                run.sent += len(answer["sent"])
                run.refused += answer["refused"]
                shown(start + len(part))
        except KeyboardInterrupt:
            run.stopped = True


def _await(run: Run, *, quiet: bool) -> dict[str, Any]:
    """What became of the run, once all of it is known, or nothing has moved for a minute."""
    found: dict[str, Any] = {"completed": 0, "counts": []}
    moved = time.monotonic()
    with progress_of("done", run.sent, quiet=quiet) as shown:
        try:
            while found["completed"] < run.sent and time.monotonic() - moved < _STUCK_S:
                before = found["completed"]
                found = get(f"/v1/replays/{run.run_id}")
                moved = time.monotonic() if found["completed"] > before else moved
                shown(found["completed"])
                time.sleep(_POLL_S if found["completed"] < run.sent else 0)
        except KeyboardInterrupt:
            run.stopped = True
    return found


def _report(run: Run, found: dict[str, Any], *, as_json: bool) -> None:
    counts = found["counts"]
    failed = sum(row["count"] for row in counts if row["status"] not in (None, "done") or row["outcome"] == "rejected")
    open_ones = run.sent - found["completed"]
    if as_json:
        show_json(
            {
                "run_id": run.run_id,
                "chosen": len(run.ids),
                "sent": run.sent,
                "completed": found["completed"],
                "counts": found["counts"],
                "refused": run.refused,
                "stopped": run.stopped,
            }
        )
    else:
        print_table(_OUTCOMES, found["counts"])
        for row in run.refused:
            typer.echo(f"not sent: {row['id']} {row['code']}: {row['detail']}", err=True)
        typer.echo(f"{run.sent:,} of {len(run.ids):,} sent, {found['completed']:,} done, {failed:,} failed again")
    if run.stopped:
        fail(WRONG, "Stopped. The same command goes on with those that still wait.")
    if open_ones:
        fail(MISSING, f"{open_ones:,} are not done yet. Are the services up? `leadstream services status`")
    if failed or run.refused:
        raise typer.Exit(WRONG)
