"""What the services hold: memory and descriptors from the kernel, connections from Postgres."""

from collections import Counter
from collections.abc import Mapping
from urllib.parse import urlsplit

import asyncpg
import psutil

from tests.chaos.oracle import Level
from tests.support.process import ServiceProcess
from tests.support.stack import Servers

# A pool has at most twice four (LEADSTREAM_POOL_SIZE's default), which it keeps for minutes, and each process its slot.
CONNECTIONS_EACH = 9


async def read_levels(servers: Servers, processes: Mapping[str, ServiceProcess]) -> dict[str, Level]:
    """The level of each service, all its processes together."""
    connections = await connections_of(servers)
    found: dict[str, Level] = {}
    for name, process in processes.items():
        memory, descriptors = _held(process.pid)
        service = name.partition("-")[0]
        before = found.get(service, Level(0.0, 0, connections[service]))
        found[service] = Level(before.memory_mib + memory, before.descriptors + descriptors, before.connections)
    return found


async def connections_of(servers: Servers) -> Counter[str]:
    """Open connections by service, as `pg_stat_activity` has them."""
    connection = await asyncpg.connect(servers.postgres, timeout=10)
    try:
        rows = await connection.fetch(
            """
            SELECT split_part(application_name, '-', 2) AS service, count(*) AS n FROM pg_stat_activity
            WHERE datname = $1 AND application_name LIKE 'leadstream-%' GROUP BY 1
            """,
            urlsplit(servers.postgres).path.lstrip("/"),
        )
    finally:
        await connection.close()
    return Counter({row["service"]: row["n"] for row in rows})


def _held(pid: int) -> tuple[float, int]:
    try:
        process = psutil.Process(pid)
        return process.memory_info().rss / 2**20, process.num_fds()
    except psutil.Error:
        return 0.0, 0
