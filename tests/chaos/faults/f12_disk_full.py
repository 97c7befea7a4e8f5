"""F12: a disk is full, first the one with a service's log, then the one with its tables. Both are freed; nobody helps.

Kafka is not among them: a broker whose only log folder is full halts, which is F04 and F05.
"""

import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import ClassVar

from tests.chaos.fault import Fault, World
from tests.chaos.small_disk import SmallDisk, small_disk

_VICTIM = "scoring"
_GUEST = "scoring-1"
_TABLESPACE = "leadstream_small_disk"
_LOG_MIB, _TABLES_MIB = 2, 48
_GROWING = ("lead_scores", "decisions")
_SIZE = "SELECT coalesce(sum(pg_table_size(name::regclass)), 0) / 1048576 AS mib FROM unnest($1::text[]) AS name"
_END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = $1
"""


class DiskFull(Fault):
    """The amount is the seconds for which each disk is full."""

    name: ClassVar = "F12"
    title: ClassVar = "disk full: the log of a service, its tables"
    promise: ClassVar = "P1, P6, P7"
    short: ClassVar = 5
    full: ClassVar = 60

    def __init__(self) -> None:
        self._undo = AsyncExitStack()

    def must(self, amount: float) -> Mapping[str, float]:
        return {
            "log full s": amount,
            "log lines lost": 1,
            "log lines after it": 1,
            "tables full s": amount,
            "waits DiskFullError": 1,
            "answered 202": 2 * amount,
        }

    async def inject(self, world: World, amount: float) -> None:
        self._undo = AsyncExitStack()
        await self._full_log(world, amount)
        await self._full_tables(world, amount)

    async def _full_log(self, world: World, amount: float) -> None:
        """A member whose log is on the small disk loses its sessions in Postgres while that is full: it has much to say,
        and works on."""
        disk = await self._undo.enter_async_context(small_disk(_LOG_MIB))
        log = world.fleet.log_of(_GUEST)
        await asyncio.to_thread(_put, log, disk.folder / "log")
        guest = await world.fleet.guest(_VICTIM)
        starts = world.fleet.starts[_GUEST]
        disk.fill()
        world.require(disk.is_full(), "the disk of the log is not full")

        async def lost() -> bool:
            await world.sql(_END_SESSIONS, f"leadstream-{_VICTIM}")
            return await guest.metric("log_lines_lost_total") > 0

        await world.until(lost, "a member has something to say while its log is full", within=60)
        size = log.stat().st_size  # the page that it had is full now, too
        await world.wait(amount)
        world.require(log.stat().st_size == size, "the log has grown on a full disk")
        world.count("log full s", int(amount))
        world.count("log lines lost", int(await guest.metric("log_lines_lost_total")))
        disk.free()

        async def written() -> bool:
            await world.sql(_END_SESSIONS, f"leadstream-{_VICTIM}")
            return log.stat().st_size > size

        await world.until(written, "lines are written again once there is room", within=60)
        world.count("log lines after it")
        world.require(world.fleet.starts[_GUEST] == starts, "a member ended because its log was full")
        await world.until(lambda: world.fleet.works(_GUEST), f"{_GUEST} works", within=60)
        await world.fleet.release(_GUEST)

    async def _full_tables(self, world: World, amount: float) -> None:
        (row,) = await world.sql(_SIZE, [f"scoring.{table}" for table in _GROWING])
        disk = await self._undo.enter_async_context(small_disk(_TABLES_MIB + int(float(str(row["mib"])))))
        await self._move_tables(world, disk)
        await world.until(lambda: world.fleet.works(_VICTIM), "all is well on the small disk", within=60)
        starts = world.fleet.starts[_VICTIM]
        disk.fill()
        scoring = world.fleet.processes[_VICTIM]
        answered = _taken(world)

        async def refused() -> bool:
            return await scoring.metric("batch_retries_total") > before

        before = await scoring.metric("batch_retries_total")
        await world.until(refused, "Postgres has no room for what scoring stores", within=90)
        await world.wait(amount)
        world.count("tables full s", int(amount))
        world.count("answered 202", _taken(world) - answered)
        disk.free()
        await world.until(lambda: world.fleet.works(_VICTIM), "scoring works again once there is room", within=90)
        world.require(world.fleet.starts[_VICTIM] == starts, "scoring ended because its disk was full")

    async def _move_tables(self, world: World, disk: SmallDisk) -> None:
        place = disk.folder / "tables"
        place.mkdir()
        stat = await asyncio.to_thread(disk.folder.stat)
        await asyncio.to_thread(_give, place, stat.st_uid, stat.st_gid)
        await world.sql(f"CREATE TABLESPACE {_TABLESPACE} LOCATION '{place}'")
        self._undo.push_async_callback(world.sql, f"DROP TABLESPACE {_TABLESPACE}")
        for table in _GROWING:
            self._undo.push_async_callback(world.sql, f"ALTER TABLE scoring.{table} SET TABLESPACE pg_default")
            await world.sql(f"ALTER TABLE scoring.{table} SET TABLESPACE {_TABLESPACE}")

    async def recover(self, world: World) -> None:
        if _GUEST in world.fleet.members:
            await world.fleet.release(_GUEST)
        await asyncio.to_thread(_keep, world.fleet.log_of(_GUEST))
        await self._undo.aclose()


def _taken(world: World) -> int:
    return sum(answer.status == 202 for answer in world.pipeline.feed.answers_since(0.0))


def _give(folder: Path, user: int, group: int) -> None:
    os.chown(folder, user, group)


def _put(log: Path, place: Path) -> None:
    """A log is written to the small disk from now on, behind what a member of an earlier fault has said."""
    place.write_bytes(log.read_bytes() if log.exists() else b"")
    log.unlink(missing_ok=True)
    log.symlink_to(place)


def _keep(log: Path) -> None:
    """What stands on the small disk outlives it."""
    if log.is_symlink():
        said = log.read_bytes()
        log.unlink()
        log.write_bytes(said)


FAULTS = [DiskFull()]
