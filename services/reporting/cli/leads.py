"""`leadstream leads list | show | timeline | interests | explain`."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from services.reporting.cli.client import USAGE, JsonOption, fail, get, show_json
from services.reporting.cli.tables import print_table

leads_app = typer.Typer(help="One lead: what it is, what happened to it, and why.", no_args_is_help=True)

LeadId = Annotated[str, typer.Argument(help="The lead's id; ids of merged leads lead to the one they became.")]


_LISTED = ("lead_id", "first_at", "source", "stage", "email", "company", "score", "grade", "owner", "queue")


@leads_app.command("list", epilog="Example: leadstream leads list --limit 20")
def list_leads(
    limit: Annotated[int, typer.Option(help="So many, the newest first.", min=1, max=200)] = 20,
    after: Annotated[str | None, typer.Option(help="The `next_cursor` of the page before (--json shows it).")] = None,
    as_json: JsonOption = False,
) -> None:
    """The newest leads: where each stands, and who has it."""
    page = get("/v1/leads", limit=limit, cursor=after)
    if as_json:
        return show_json(page)
    print_table(_LISTED, page["leads"])


@leads_app.command(epilog="Example: leadstream leads show 018f…")
def show(lead_id: LeadId, as_json: JsonOption = False) -> None:
    """The newest state of a lead."""
    lead = get(f"/v1/leads/{_checked(lead_id)}")
    if as_json:
        return show_json(lead)
    for name, value in _fields(lead):
        typer.echo(f"{name:<22}{value}")


@leads_app.command(epilog="Example: leadstream leads timeline 018f…")
def timeline(lead_id: LeadId, as_json: JsonOption = False) -> None:
    """What happened to a lead, in order."""
    found = get(f"/v1/leads/{_checked(lead_id)}/timeline")
    if as_json:
        return show_json(found)
    rows = [{"at": e["at"], "event": e["type"], "what": _said(e["type"], e["facts"])} for e in found["events"]]
    print_table(("at", "event", "what"), rows)


@leads_app.command(epilog="Example: leadstream leads interests 018f…")
def interests(lead_id: LeadId, as_json: JsonOption = False) -> None:
    """What a lead looks at, searches and reads, most first; what machines did is left out."""
    found = get(f"/v1/leads/{_checked(lead_id)}/interests")
    if as_json:
        return show_json(found)
    typer.echo(f"{found['sessions']['count']} sessions, last at {found['sessions']['last_at'] or 'no time'}")
    print_table(("category", "views", "dwell_s"), found["categories"])
    for name in ("topics", "search_terms", "materials", "intent", "kinds"):
        if found[name]:
            typer.echo(
                f"{name.replace('_', ' ')}: " + ", ".join(f"{one['name']} ({one['count']})" for one in found[name])
            )


@leads_app.command(epilog="Example: leadstream leads explain 018f…")
def explain(lead_id: LeadId, as_json: JsonOption = False) -> None:
    """Why a lead has its score, its owner and its opportunity."""
    lead = get(f"/v1/leads/{_checked(lead_id)}")
    if as_json:
        parts = ("lead_id", "stage", "score", "score_version", "assignment", "assignment_version", "opportunities")
        return show_json({name: lead[name] for name in parts})
    for line in explained(lead):
        typer.echo(line)


def explained(lead: dict[str, Any]) -> Iterator[str]:
    """The reasons, line by line."""
    yield f"Lead {lead['lead_id']}, {lead['stage'] or 'not captured yet'}, from {lead['source'] or 'unknown'}"
    yield from _score(lead["score"])
    yield from _owner(lead["assignment"])
    if not lead["opportunities"]:
        yield "No opportunity yet."
    for opportunity in lead["opportunities"]:
        yield from _opportunity(opportunity)


def _score(score: dict[str, Any] | None) -> Iterator[str]:
    if score is None:
        yield "Not scored yet."
        return
    level = f", level {score['level']}" if score.get("level") else ""
    yield (
        f"Score {score['value']} (fit {score['fit']}, engagement {score['engagement']}), grade {score['grade']}{level}, "
        f"{score['temperature']}, by {_rules(score['rules'])}{_persona(score)}"
    )
    for part in score["contributions"]:
        times = f", {part['count']} times" if (part.get("count") or 1) > 1 else ""
        yield f"  {part['points']:+4d}  {part['reason']}{times}  [{part['rule']}]"
    if score.get("clamp"):
        yield from _clamps(score)
    if score.get("sales_ready") is not None:
        yield "Sales-ready" if score["sales_ready"] else f"Not sales-ready yet: {', '.join(score['missing'])}"


def _persona(score: dict[str, Any]) -> str:
    return f", as {score['persona']}" if score.get("persona") else ""


def _clamps(score: dict[str, Any]) -> Iterator[str]:
    """What limits changed, each by itself where the score says so."""
    for each in score.get("clamps") or ({"points": score["clamp"], "of": "bounds", "name": ""},):
        verb = "taken away" if each["points"] < 0 else "given"
        yield f"  {each['points']:+4d}  {verb} by the limit of {each['of']} {each['name']}".rstrip()


def _owner(assignment: dict[str, Any] | None) -> Iterator[str]:
    if assignment is None:
        yield "Not assigned yet."
        return
    holder = f"Owner {assignment['owner']}" if assignment.get("owner") else f"In queue {assignment.get('queue')}"
    yield f"{holder}: {assignment['reason']}, by {_rules(assignment['rules'])}"
    yield from _work(assignment.get("work"))
    for step in assignment.get("trace", []):
        verdict = "matched" if step["matched"] else f"not met: {', '.join(step.get('failed', [])) or 'no condition'}"
        passed = f"; passed over: {', '.join(step['skipped'])}" if step.get("skipped") else ""
        yield f"  {step['rule']}: {verdict}{passed}"


def _work(work: dict[str, Any] | None) -> Iterator[str]:
    """How far the work on a lead has come, and everything that was said of it, the newest first."""
    if work is None:
        return
    for said in (work, *reversed(work.get("history", []))):
        yield f"  {said['status']} since {said['at']}: {said['reason']}, by {said['author'] or 'nobody named'}"


def _opportunity(opportunity: dict[str, Any]) -> Iterator[str]:
    amount = (
        f", {opportunity['amount']} {opportunity.get('currency') or ''}".rstrip() if "amount" in opportunity else ""
    )
    yield f"Opportunity {opportunity.get('opportunity_id')}, {opportunity.get('stage')}{amount}"
    reason = opportunity.get("reason")
    if isinstance(reason, dict):
        yield f"  by {reason.get('trigger')}: {', '.join(reason.get('met', [])) or 'asked for'}"


def _rules(rules: dict[str, Any]) -> str:
    return f"{rules['name']} version {rules['version']}"


def _fields(lead: dict[str, Any]) -> Iterator[tuple[str, str]]:
    facts, score, assignment = lead["lead"], lead["score"] or {}, lead["assignment"] or {}
    company = facts.get("company") or {}
    shown = {
        "lead_id": lead["lead_id"],
        "stage": lead["stage"],
        "source": lead["source"],
        "name": facts.get("name") or " ".join(filter(None, (facts.get("first_name"), facts.get("last_name")))),
        "state": facts.get("state"),
        "email": facts.get("email"),
        "phone": facts.get("phone"),
        "title": facts.get("title"),
        "company": company.get("name"),
        "industry": company.get("industry"),
        "employees": company.get("employees"),
        "country": (facts.get("address") or {}).get("country"),
        "first_at": lead["first_at"],
        "score": score.get("value"),
        "grade": score.get("grade"),
        "owner": assignment.get("owner"),
        "queue": assignment.get("queue"),
        "work": (assignment.get("work") or {}).get("status"),
        "opportunities": ", ".join(str(o.get("opportunity_id")) for o in lead["opportunities"]),
        "merged_ids": ", ".join(lead["merged_ids"]),
    }
    return ((name, str(value)) for name, value in shown.items() if value not in (None, ""))


def _said(event_type: str, facts: dict[str, Any]) -> str:
    """One line about an event."""
    match event_type:
        case "lead.captured":
            return f"{facts['outcome']}, version {facts['lead_version']}"
        case "lead.scored":
            return f"{facts['score']['value']} {facts['score']['grade']} {facts['score']['temperature']}"
        case "readiness.changed":
            return "sales-ready" if facts["sales_ready"] else f"sales-ready no more: {', '.join(facts['missing'])}"
        case "lead.routed":
            assignment = facts["assignment"]
            return f"{assignment.get('owner') or assignment.get('queue')}: {assignment['reason']}"
        case "lead.behaved":
            return _did(facts)
        case "behaviour.corrected":
            return f"{facts['change']}: {facts['kind']} of {facts['occurred_at']}, {facts['reason']}"
        case "lead.changed":
            return f"{facts['change']}, version {facts['lead_version']}, by {facts.get('author') or 'nobody named'}"
        case "lead.merged":
            undo = f"; leads unmerge {facts['merge_id']} undoes it" if facts.get("merge_id") else ""
            return f"{facts['loser_id']} became {facts['winner_id']}{undo}"
        case "lead.unmerged":
            return f"{facts['loser_id']} is itself again, apart from {facts['winner_id']}"
        case "segment.entered" | "segment.exited":
            return _joined(facts, "segment", "reason")
        case "journey.advanced":
            return f"{facts['journey']}: {_joined(facts, 'step', 'action', 'reason')}"
        case "interest.changed":
            return _joined(facts, "interest", "reason", "resume_at")
        case "offer.redeemed":
            return _joined(facts, "journey", "step", "amount", "currency")
        case "dead_letter":
            return f"{facts['service']}: {facts['reason']}"
        case _:
            known = ("outcome", "reason", "opportunity_id", "change", "stage", "status")
            return ", ".join(f"{name} {facts[name]}" for name in known if isinstance(facts.get(name), str | int))


def _joined(facts: dict[str, Any], *names: str) -> str:
    return " ".join(str(facts[name]) for name in names if facts.get(name) is not None)


def _did(facts: dict[str, Any]) -> str:
    """`page.viewed pricing, 12.5 s`, and whether a machine did it."""
    about = [str(facts[name]) for name in ("category", "material_id", "campaign") if facts.get(name)]
    seconds = [f"{facts['dwell_s']} s"] if facts.get("dwell_s") else []
    machine = [f"a machine ({', '.join(facts.get('bot_reasons') or [])})"] if facts.get("human") is False else []
    return ", ".join([" ".join([facts["kind"], *about]), *seconds, *machine])


def _checked(lead_id: str) -> str:
    if not lead_id.replace("-", "").isalnum():
        fail(USAGE, "A lead's id is a UUID.")
    return lead_id
