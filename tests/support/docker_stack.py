"""The servers as containers, for a test run with a Docker engine: images and settings are those of `docker-compose.yml`."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import ExecWaitStrategy

from tests.support.stack import Servers

COMPOSE: Final = Path(__file__).parents[2] / "docker-compose.yml"
KAFKA_PORT, POSTGRES_PORT, VALKEY_PORT = 9092, 5432, 6379
_ROLE: Final = "leadstream"
_READY_SECONDS: Final = 120
_START_FILE: Final = "/tmp/start.sh"
# Where the broker is for its clients is known only when the engine has chosen a port, so it waits to be told.
_WAIT_TO_BE_TOLD: Final = f"while [ ! -f {_START_FILE} ]; do sleep 0.1; done; exec sh {_START_FILE}"
_ONE_CONTAINER: Final = {
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_ADVERTISED_LISTENERS": "",
}


@contextmanager
def docker_servers() -> Iterator[Servers]:
    """Kafka, Postgres and Valkey in containers of their own, gone at the end. Raises what the engine's client raises when none answers."""
    parts = compose_servers()
    with ExitStack() as running:
        kafka = _kafka(running, parts["kafka"])
        postgres = _postgres(running, parts["postgres"])
        valkey = _valkey(running, parts["valkey"])
        yield Servers(kafka, postgres, valkey, "docker")


def compose_servers() -> Mapping[str, Mapping[str, Any]]:
    """The servers of `docker-compose.yml` by name, as they are written there."""
    services: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return {name: services[name] for name in ("kafka", "postgres", "valkey")}


def kafka_environment(written: Mapping[str, str]) -> dict[str, str]:
    """The broker's variables without a network in which it has a name; the advertised listeners come with the start file."""
    changed = {**written, **_ONE_CONTAINER}
    return {name: value for name, value in changed.items() if value}


def start_file(host: str, port: int) -> str:
    """What the waiting container runs, once it is known where its clients find it."""
    listeners = f"INTERNAL://localhost:19092,HOST://{host}:{port}"
    return f"export KAFKA_ADVERTISED_LISTENERS={listeners}\nexec /etc/kafka/docker/run\n"


def _kafka(running: ExitStack, part: Mapping[str, Any]) -> str:
    container = DockerContainer(part["image"], env=kafka_environment(part["environment"]))
    container.with_exposed_ports(KAFKA_PORT).with_command(["sh", "-c", _WAIT_TO_BE_TOLD])
    running.enter_context(container)
    host, port = container.get_container_host_ip(), container.get_exposed_port(KAFKA_PORT)
    container.copy_into_container(start_file(host, port).encode(), _START_FILE)
    probe = ["/opt/kafka/bin/kafka-broker-api-versions.sh", "--bootstrap-server", "localhost:19092"]
    _until(probe).wait_until_ready(container)
    return f"{host}:{port}"


def _postgres(running: ExitStack, part: Mapping[str, Any]) -> str:
    password = secrets.token_hex(8)
    variables = {"POSTGRES_USER": _ROLE, "POSTGRES_DB": _ROLE, "POSTGRES_PASSWORD": password}
    container = DockerContainer(part["image"], env=variables)
    container.with_exposed_ports(POSTGRES_PORT).with_command(part["command"])
    container.waiting_for(_until(["pg_isready", "-h", "127.0.0.1", "-U", _ROLE, "-d", _ROLE]))
    running.enter_context(container)
    return f"postgresql://{_ROLE}:{password}@{_address(container, POSTGRES_PORT)}/{_ROLE}"


def _valkey(running: ExitStack, part: Mapping[str, Any]) -> str:
    password = secrets.token_hex(8)
    command = [password if word.startswith("${VALKEY_PASSWORD") else word for word in part["command"]]
    container = DockerContainer(part["image"], env={"REDISCLI_AUTH": password})
    container.with_exposed_ports(VALKEY_PORT).with_command(command)
    container.waiting_for(_until(["sh", "-c", "valkey-cli ping | grep -q PONG"]))
    running.enter_context(container)
    return f"redis://:{password}@{_address(container, VALKEY_PORT)}/0"


def _until(command: list[str]) -> ExecWaitStrategy:
    return ExecWaitStrategy(command).with_startup_timeout(_READY_SECONDS)


def _address(container: DockerContainer, port: int) -> str:
    return f"{container.get_container_host_ip()}:{container.get_exposed_port(port)}"
