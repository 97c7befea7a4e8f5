"""Commands of the installation itself: migrate, topics, recover, doctor, asyncapi."""

import asyncio
import json
from typing import Annotated

import typer
import yaml
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from services.cli import installation
from services.cli.doctor import examine
from shared.contracts.generate.asyncapi import asyncapi_document
from shared.contracts.topics import TOPICS
from shared.messaging.admin import TopicMismatch, describe
from shared.runtime.settings import ServiceSettings

WRONG, USAGE, MISSING = 1, 2, 3

topics_app = typer.Typer(help="Topics as the register names them.", no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="For scripts.")]


def migrate(as_json: JsonOption = False) -> None:
    """Bring every service's schema to the newest version and seed default rules. Safe to repeat."""
    done: list[str] = []
    try:
        installation.migrate(ServiceSettings(), done.append if as_json else _say_migrated)
    except OSError:
        _end("Postgres does not answer at LEADSTREAM_POSTGRES_DSN. Is the stack up? (`leadstream stack up`)", MISSING)
    if as_json:
        typer.echo(json.dumps({"migrated": done}))


def _say_migrated(service: str) -> None:
    typer.echo(f"{service}: schema is at the newest version")


@topics_app.command("apply", epilog="Example: leadstream topics apply --replication 3 --min-insync 2")
def topics_apply(
    replication: Annotated[int, typer.Option(help="Replicas of each partition; 3 in production.")] = 1,
    min_insync: Annotated[int, typer.Option(help="min.insync.replicas; 2 in production.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Create the topics that are missing. Existing ones are left as they are; a mismatch is an error."""
    settings = ServiceSettings()
    try:
        made = asyncio.run(installation.apply_topics(settings, replication=replication, min_insync=min_insync))
    except TopicMismatch as error:
        _end(str(error), WRONG)
    except (KafkaError, OSError) as error:
        _end(f"Kafka does not answer at {settings.kafka_bootstrap}: {type(error).__name__}", MISSING)
    if as_json:
        typer.echo(json.dumps({"created": sorted(made), "existing": len(TOPICS) - len(made)}))
        return
    typer.echo(f"topics: {len(made)} created, {len(TOPICS) - len(made)} were there")


@topics_app.command("list", epilog="Example: leadstream topics list --json")
def topics_list(as_json: JsonOption = False) -> None:
    """The register beside what the cluster has. Exit code 1 when they differ."""
    settings = ServiceSettings()
    try:
        found = asyncio.run(describe(settings.kafka_bootstrap, settings.names, TOPICS))
    except (KafkaError, OSError) as error:
        _end(f"Kafka does not answer at {settings.kafka_bootstrap}: {type(error).__name__}", MISSING)
    rows = [
        {
            "topic": settings.names.topic(topic.name),
            "owner": topic.owner,
            "key": topic.key,
            "partitions": topic.partition_count(settings.spine_partitions),
            "found": found[topic.name].partitions if topic.name in found else None,
        }
        for topic in TOPICS.values()
    ]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        table = Table(*rows[0])
        for row in rows:
            table.add_row(*(str(value) for value in row.values()))
        Console().print(table)
    if any(row["found"] != row["partitions"] for row in rows):
        raise typer.Exit(WRONG)


def doctor(as_json: JsonOption = False) -> None:
    """Look at everything an installation needs and say what is wrong and what to do. Exit code 1 when something is."""
    findings = asyncio.run(examine(ServiceSettings()))
    if as_json:
        typer.echo(json.dumps([finding.as_dict() for finding in findings]))
    else:
        for finding in findings:
            typer.echo(f"{'ok   ' if finding.good else 'WRONG'}  {finding.what}: {finding.says}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(WRONG)


def asyncapi(as_json: JsonOption = False) -> None:
    """The AsyncAPI document of every topic, generated from the register."""
    document = asyncapi_document()
    typer.echo(json.dumps(document) if as_json else yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def _end(message: str, code: int) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(code)
