"""The local stack on the real servers: started, found again, outlived by nothing."""

import asyncio
import os
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import envfile, supervisor
from deploy.local.errors import AlreadyRunning, NotRunning, StackError
from deploy.local.home import Home, read_json, secrets_of, write_json
from deploy.local.postgres import Postgres, remove_place
from deploy.local.stack import Stack
from deploy.local.valkey import Valkey

Eventually = Callable[[Callable[[], object]], bool]
Runs = Callable[[int], bool]


async def send(bootstrap: str, topic: str, value: bytes) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="writer")
    async with producer, producer.transaction():
        await producer.send_and_wait(topic, value)


async def read(bootstrap: str, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        record = await asyncio.wait_for(consumer.getone(), 20.0)
        return bytes(record.value or b"")
    finally:
        await consumer.stop()


async def query(dsn: str, *statements: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


def pids(stack: Stack) -> list[int]:
    return [row.pid for row in stack.status() if row.pid]


def test_servers_start_keep_their_data_and_ports_and_leave_nothing_behind(home: Home, runs: Runs) -> None:
    with Stack(home, environ={}) as stack:
        first = envfile.read_env(home.env_file)
        assert first.keys() >= {envfile.KAFKA, envfile.POSTGRES, envfile.REDIS, envfile.SOURCE_KEY, envfile.ADMIN_KEY}
        asyncio.run(send(first[envfile.KAFKA], "kept.v1", b"kept"))
        assert asyncio.run(
            query(first[envfile.POSTGRES], "create table kept (id int)", "insert into kept values (7) returning id")
        )
        assert redis.Redis.from_url(first[envfile.REDIS]).ping()
        with pytest.raises(AlreadyRunning, match=str(os.getpid())):
            Stack(home, environ={}).start()
        started = pids(stack)
        assert len(started) == 3
    assert not any(runs(pid) for pid in started)

    taken = int(first[envfile.KAFKA].rpartition(":")[2])
    lines: list[str] = []
    with socket.create_server(("127.0.0.1", taken)):
        stack = Stack(home, environ={}, report=lines.append)
        second = stack.start()
        try:
            assert second[envfile.POSTGRES] == first[envfile.POSTGRES]
            assert second[envfile.KAFKA] != first[envfile.KAFKA]
            assert any(f"port {taken} is taken" in line for line in lines)
            assert asyncio.run(read(second[envfile.KAFKA], "kept.v1")) == b"kept"
            assert asyncio.run(query(second[envfile.POSTGRES], "select id from kept")) == 7
        finally:
            stack.stop()


def test_a_detached_stack_dies_with_its_supervisor_and_comes_up_again(
    home: Home, eventually: Eventually, runs: Runs
) -> None:
    lines: list[str] = []
    pid = supervisor.start_detached(home, lines.append)
    try:
        assert sum("ready on port" in line for line in lines) == 3
        with pytest.raises(AlreadyRunning, match=f"pid {pid}"):
            supervisor.start_detached(home, lines.append)
        servers = [row["pid"] for row in supervisor.status_of(home)["servers"]]
        psutil.Process(pid).kill()
        assert eventually(lambda: not any(runs(server) for server in servers))
        with pytest.raises(NotRunning):
            supervisor.status_of(home)
        supervisor.start_detached(home, lines.append)
        servers = [row["pid"] for row in supervisor.status_of(home)["servers"]]
        assert supervisor.stop_detached(home)
        assert not any(runs(server) for server in servers)
        assert not supervisor.stop_detached(home)
    finally:
        supervisor.stop_detached(home)


def test_a_given_server_is_used_and_not_started(home: Home) -> None:
    given = {envfile.REDIS: "redis://elsewhere:6379/0", envfile.KAFKA: "elsewhere:9092"}
    with Stack(home, environ=given) as stack:
        assert {row.name: row.state for row in stack.status()} == {
            "postgres": "running",
            envfile.REDIS: "external",
            envfile.KAFKA: "external",
        }
        assert {key: stack.env()[key] for key in given} == given
        assert not (home.data / "kafka").exists()


def test_what_the_env_file_says_of_our_own_servers_does_not_make_them_given(home: Home) -> None:
    elsewhere = {envfile.KAFKA: "elsewhere:9092", envfile.POSTGRES: "postgresql://elsewhere/d"}
    with Stack(home, environ=elsewhere) as stack:
        written = stack.env()
    for environ in (elsewhere, written):
        with Stack(home, environ=environ) as stack:
            assert {row.name for row in stack.status()} == {"valkey", *elsewhere}


def test_a_server_that_dies_is_started_again_on_its_port(home: Home) -> None:
    with Stack(home, environ={}, servers=[Valkey(home)]) as stack:
        before = stack.status()[0]
        assert before.pid
        psutil.Process(before.pid).kill()
        give_up = time.monotonic() + 10.0
        while stack.status()[0].restarts == 0 and time.monotonic() < give_up:
            stack.keep(time.monotonic())
            time.sleep(0.02)
        stack.start_server("valkey")
        after = stack.status()[0]
        assert (after.state, after.port, after.restarts) == ("running", before.port, 1)


def test_an_outage_can_be_made_and_ended(home: Home) -> None:
    with Stack(home, environ={}, servers=[Postgres(home)]) as stack:
        dsn = stack.env()[envfile.POSTGRES]
        stack.stop_server("postgres")
        stack.keep(time.monotonic() + 60.0)
        assert stack.status()[0].state == "stopped"
        with pytest.raises(OSError):
            asyncio.run(query(dsn, "select 1"))
        stack.start_server("postgres")
        assert asyncio.run(query(dsn, "select 1")) == 1


def test_the_lock_file_of_a_killed_database_whose_number_is_anothers_now_is_no_obstacle(home: Home) -> None:
    with Stack(home, environ={}, servers=[Postgres(home)]):
        data = Path(read_json(home.data / "postgres.json")["place"]) / "data"
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")
    with Stack(home, environ={}, servers=[Postgres(home)]) as stack:
        assert asyncio.run(query(stack.env()[envfile.POSTGRES], "select 1")) == 1


def test_lost_keys_and_data_of_another_version_are_told_at_once(home: Home) -> None:
    with Stack(home, environ={}, servers=[Postgres(home)]):
        data = Path(read_json(home.data / "postgres.json")["place"]) / "data"
    write_json(home.secrets_file, secrets_of(home) | {"postgres_password": "another"})
    with pytest.raises(StackError, match="refuses the password"):
        Stack(home, environ={}, servers=[Postgres(home)]).start()
    (data / "PG_VERSION").write_text("12\n")
    with pytest.raises(StackError, match="PostgreSQL 12"):
        Stack(home, environ={}, servers=[Postgres(home)]).start()


def test_values_of_rows_never_reach_the_databases_log(home: Home) -> None:
    with Stack(home, environ={}, servers=[Postgres(home)]) as stack:
        dsn = stack.env()[envfile.POSTGRES]
        insert = "insert into person values ('ann@example.com')"
        with pytest.raises(asyncpg.UniqueViolationError):
            asyncio.run(query(dsn, "create table person (email text unique)", insert, insert))
    text = home.log("postgres").read_text()
    assert "duplicate key" in text
    assert "ann@example.com" not in text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has an account to give up")
def test_a_home_that_only_root_may_enter_stays_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = Home(closed / "checkout")
    with Stack(home, environ={}, servers=[Postgres(home)]) as stack:
        assert asyncio.run(query(stack.env()[envfile.POSTGRES], "select 1")) == 1
        place = Path(read_json(home.data / "postgres.json")["place"])
    assert not place.is_relative_to(closed)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert stat.S_IMODE((place / "data").stat().st_mode) == 0o700
    remove_place(home)
    assert not place.exists()
