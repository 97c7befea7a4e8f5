"""The parts of `leadstream`: each imports what its own commands need when one of them is called, and not before."""

from collections.abc import Mapping
from typing import Any, Final

import typer

from services.cli.lazy import Lazy


def _local() -> typer.Typer:
    from deploy.local.cli import services_app, stack_app
    from services.cli.recovering import recover

    app = typer.Typer()
    app.add_typer(stack_app, name="stack")
    app.add_typer(services_app, name="services")
    services_app.command("recover", epilog="Example: leadstream services recover scoring")(recover)
    return app


def _installation() -> typer.Typer:
    from services.cli import operations

    app = typer.Typer()
    app.command(epilog="Example: leadstream migrate")(operations.migrate)
    app.add_typer(operations.topics_app, name="topics")
    app.command(epilog="Example: leadstream doctor --json")(operations.doctor)
    app.command(epilog="Example: leadstream asyncapi > asyncapi.yaml")(operations.asyncapi)
    return app


def _capture() -> typer.Typer:
    from services.capture import cli as capture

    app = typer.Typer()
    capture.register(app, preview=_preview)
    return app


def _preview() -> Any:
    """What a dry run shows of other services; imported when it is wanted."""
    from services.cli.previewing import active_preview

    return active_preview()


def _leads() -> typer.Typer:
    from services.capture.commands import for_leads
    from services.reporting.cli.leads import leads_app
    from services.routing import cli as routing

    for_leads.register(leads_app)
    routing.register_for_leads(leads_app)
    app = typer.Typer()
    app.add_typer(leads_app, name="leads")
    return app


def _rules() -> typer.Typer:
    from services.cli.rules import rules_app

    app = typer.Typer()
    app.add_typer(rules_app, name="rules")
    return app


def _score() -> typer.Typer:
    from services.cli.score import score_app

    app = typer.Typer()
    app.add_typer(score_app, name="score")
    return app


def _templates() -> typer.Typer:
    from services.cli.templates import templates_app

    app = typer.Typer()
    app.add_typer(templates_app, name="templates")
    return app


def _routing() -> typer.Typer:
    from services.routing import cli as routing

    app = typer.Typer()
    app.add_typer(routing.members, name="members")
    return app


def _scoring() -> typer.Typer:
    from services.scoring.journeys import cli as journeys
    from services.scoring.segments import cli as segments

    app = typer.Typer()
    app.add_typer(journeys.journeys, name="journeys")
    app.add_typer(segments.segments, name="segments")
    return app


def _reporting() -> typer.Typer:
    from services.reporting import cli as reporting

    app = typer.Typer()
    app.add_typer(reporting.ledger_app, name="ledger")
    app.command(epilog="Example: leadstream reports funnel --by source --format csv")(reporting.reports)
    app.add_typer(reporting.dead_letters_app, name="dead-letters")
    app.add_typer(reporting.keys_app, name="keys")
    return app


def _people() -> typer.Typer:
    from services.cli import people

    app = typer.Typer()
    app.command(epilog="Example: leadstream erase --email ann@example.com --yes")(people.erase)
    app.command(epilog="Example: leadstream export --email ann@example.com --out ann.json")(people.export)
    return app


def _demo() -> typer.Typer:
    from services.cli import demo

    app = typer.Typer()
    app.command(epilog="Example: leadstream demo")(demo.demo)
    return app


COMMANDS: Final[Mapping[str, Lazy]] = {
    "stack": Lazy(_local, "Kafka, PostgreSQL and Valkey on this machine."),
    "services": Lazy(_local, "The five services as processes on this machine."),
    "migrate": Lazy(
        _installation, "Bring every service's schema to the newest version and seed default rules. Safe to repeat."
    ),
    "topics": Lazy(_installation, "Topics as the register names them."),
    "doctor": Lazy(
        _installation,
        "Look at everything an installation needs and say what is wrong and what to do. Exit code 1 when something is.",
    ),
    "asyncapi": Lazy(_installation, "The AsyncAPI document of every topic, generated from the register."),
    "send": Lazy(_capture, "Send leads, or what people did, over HTTP, as any source would."),
    "import": Lazy(
        _capture,
        "Import a file's rows. The same file twice changes nothing; rows that cannot be used are stored and rejected.",
    ),
    "loadgen": Lazy(
        _capture,
        "Send leads of people who do not exist at a steady rate, as a source would, and say what was taken and how long it took. "
        "A key may send LEADSTREAM_KEY_RATE a second; what is beyond is sent again, later.",
    ),
    "backfill": Lazy(
        _capture,
        "Fetch the leads of a range of time from their provider. Those that are known already change nothing.",
    ),
    "announced": Lazy(
        _capture,
        "Leads that providers announced by their ids: how many wait to be fetched, and what became of the others.",
    ),
    "sources": Lazy(_capture, "Check a file of sources: every problem with its line and column."),
    "mappings": Lazy(_capture, "Mappings: columns of files to fields of leads."),
    "receipts": Lazy(_capture, "Receipts: what became of each submission."),
    "quarantine": Lazy(_capture, "Submissions that look like spam and wait for somebody."),
    "duplicates": Lazy(_capture, "Leads that may be one person: look, merge, keep apart."),
    "targets": Lazy(_capture, "Targets: people who were listed and have not responded yet."),
    "hygiene": Lazy(_capture, "The nightly look at leads: what is stale, who cannot be reached."),
    "behaviour": Lazy(_capture, "What people did: judge it again, take it back."),
    "leads": Lazy(_leads, "One lead: what it is, what happened to it, and why."),
    "rules": Lazy(
        _rules, "Rules: validation, scoring models, segments, journeys, assignment rules, hand-off gates, stages."
    ),
    "segments": Lazy(_scoring, "Segments: named groups of leads."),
    "score": Lazy(_score, "Scores learned from outcomes: train, evaluate, report, drift."),
    "journeys": Lazy(_scoring, "Journeys: what is sent to leads, and what it brought."),
    "templates": Lazy(_templates, "Rules for an industry: look, test, copy, install."),
    "members": Lazy(_routing, "Members: the people who can own leads."),
    "ledger": Lazy(_reporting, "Where every received record is."),
    "reports": Lazy(_reporting, "A report as a table, JSON or CSV."),
    "dead-letters": Lazy(_reporting, "Records that could not be processed, and refused ones."),
    "keys": Lazy(_reporting, "Keys: who may send, read and change."),
    "erase": Lazy(
        _people,
        "Erase a person from every service. Counts, money and outcomes stay; nothing brings the person back but they"
        " themselves.",
    ),
    "export": Lazy(_people, "Hand out all that every service holds of a person, as JSON. Who asked is noted."),
    "demo": Lazy(
        _demo,
        "Start everything, send a few hundred example leads, show what became of them, check the ledger, stop everything.",
    ),
}
