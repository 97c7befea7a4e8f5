"""240 leads from clients that retry, while the server is killed four times and started again."""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import orjson

from shared.contracts.topics import CONVERTED
from tests.benchmark.crm import ours, theirs
from tests.benchmark.crm.tryton import Tryton
from tests.benchmark.fleet import Fleet
from tests.support.stack import Servers
from tests.support.topics import read_to_end
from tests.support.waiting import eventually

LEADS: Final = 240
KILLS: Final = 4
CLIENTS: Final = 6
# Ours would be through before it could be killed four times.
_PAUSE_S: Final = 0.1
_KILLED: Final = ("capture", "conversion")
_THROUGH_S: Final = 180.0


@dataclass(frozen=True, slots=True)
class Killed:
    """What is found afterwards. `doubled`: leads and parties that are there more than once."""

    product: str
    leads: int
    kills: int
    doubled: int
    doubled_parties: int
    unconverted: int


async def theirs_killed(tryton: Tryton) -> Killed:
    """Tryton's server and its workers."""

    async def kill(_number: int) -> None:
        tryton.end(signal.SIGKILL)
        tryton.start()
        await tryton.ready()
        tryton.context.pop("user", None)

    first = 9_000_000

    async def progress() -> int:
        return await _count(tryton.dsn, f"SELECT count(*) FROM sale_opportunity WHERE reference >= 'lead-{first}'")

    load = theirs.create_and_convert(tryton, range(first, first + LEADS), clients=CLIENTS, killed=True)
    done = await _while_killed(load, progress, kill)
    rows = await _fetch(tryton.dsn, f"SELECT reference, state FROM sale_opportunity WHERE reference >= 'lead-{first}'")
    parties = await _fetch(tryton.dsn, f"SELECT name FROM party_party WHERE name >= 'Person {first}'")
    leads = Counter(row["reference"] for row in rows)
    ready = {row["reference"] for row in rows if row["state"] in ("converted", "won")}
    return Killed("Tryton", LEADS, done, _more(leads), _more(Counter(r["name"] for r in parties)), LEADS - len(ready))


async def ours_killed(servers: Servers, fleet: Fleet, product: str) -> Killed:
    """Capture, which takes the leads, and conversion, in turn."""

    async def kill(number: int) -> None:
        process = fleet.replicas[_KILLED[number % len(_KILLED)]][0]
        process.kill()
        process.start()

    answered: list[int] = []

    async def progress() -> int:
        return len(answered)

    load = ours.submit(fleet, range(LEADS), clients=CLIENTS, pause_s=_PAUSE_S, answered=answered)
    done = await _while_killed(load, progress, kill)

    async def through() -> bool:
        return await ours.converted(servers) >= LEADS and await fleet.caught_up()

    try:
        await eventually(through, "every lead is converted", within=_THROUGH_S, every=0.5)
    except AssertionError:
        print("not every lead was converted in time", flush=True)
    leads, parties, converted = await counted(servers)
    return Killed(product, LEADS, done, _more(leads) + _more(converted), _more(parties), LEADS - len(converted))


async def faults_of(servers: Servers, leads: int) -> list[str]:
    """What is wrong with leads of which each should be there once, converted once."""
    found, parties, converted = await counted(servers)
    counts = {
        "leads doubled": _more(found),
        "parties doubled": _more(parties),
        "conversions doubled": _more(converted),
        "leads not converted": leads - len(converted),
    }
    return [f"{n} {name}" for name, n in counts.items() if n]


async def counted(servers: Servers) -> tuple[Counter[Any], Counter[Any], Counter[Any]]:
    """Leads and parties by what makes them one, conversions as a read_committed reader sees them."""
    leads = await _fetch(servers.postgres, "SELECT substring(facts from 'lead-[0-9]+') AS name FROM capture.leads")
    parties = await _fetch(
        servers.postgres, "SELECT substring(facts from '\"buyer[0-9]+@') AS name FROM conversion.contacts"
    )
    events = await read_to_end(servers, CONVERTED)
    converted = Counter(orjson.loads(event.value or b"{}")["lead_id"] for event in events)
    return _named(leads), _named(parties), converted


def _named(rows: Sequence[Any]) -> Counter[Any]:
    """Others than the comparison's leads have no such name."""
    return Counter(row["name"] for row in rows if row["name"] is not None)


async def _while_killed(
    load: Awaitable[None], progress: Callable[[], Awaitable[int]], kill: Callable[[int], Awaitable[None]]
) -> int:
    """Kill each time another fifth of the leads is there, or answered for. How often it was killed."""
    working = asyncio.ensure_future(load)
    done = 0
    while done < KILLS and not working.done():
        if await progress() >= (done + 1) * LEADS // (KILLS + 1):
            await kill(done)
            done += 1
        await asyncio.sleep(0.005)
    await working
    return done


def _more(counted: Counter[Any]) -> int:
    return sum(n - 1 for n in counted.values())


async def _count(dsn: str, query: str) -> int:
    return int((await _fetch(dsn, query))[0][0])


async def _fetch(dsn: str, query: str) -> Sequence[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()
