"""The same leads through capture's HTTP; scoring, routing and conversion follow by themselves."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import orjson

from tests.benchmark.crm.http import CONNECTIONS, Client, shared_out, until_answered
from tests.benchmark.fleet import Fleet
from tests.support.stack import Servers


async def submit(
    fleet: Fleet,
    numbers: Sequence[int],
    *,
    at_once: int = 1,
    clients: int = CONNECTIONS,
    pause_s: float = 0.0,
    answered: list[int] | None = None,
) -> None:
    """Every lead submitted, `at_once` a request; each request is repeated until it is answered, and then in `answered`."""
    groups = [numbers[n : n + at_once] for n in range(0, len(numbers), at_once)]

    def work(client: Client, group: Sequence[int]) -> None:
        _submit(client, group)
        if answered is not None:
            answered.extend(group)

    await shared_out(groups, lambda: _client(fleet, at_once), work, clients=clients, pause_s=pause_s)


def _client(fleet: Fleet, at_once: int) -> Client:
    media = "application/json" if at_once == 1 else "application/x-ndjson"
    headers = {"Authorization": f"Bearer {fleet.admin_key}", "Content-Type": media}
    return Client(fleet.replicas["capture"][0].url, headers)


def _submit(client: Client, numbers: Sequence[int]) -> None:
    path = "/v1/leads" if len(numbers) == 1 else "/v1/leads/batch"
    body = b"\n".join(orjson.dumps(_lead(n)) for n in numbers)
    until_answered(lambda: client.post(path, body, **{"Idempotency-Key": f"leads-{numbers[0]}"}))


def _lead(n: int) -> dict[str, Any]:
    """A lead that the default rules convert."""
    return {
        "external_id": f"lead-{n}",
        "email": f"buyer{n}@firm{n}.com",
        "phone": f"+1 212 {200 + n // 10_000 % 700:03d} {n % 10_000:04d}",
        "first_name": "Person",
        "last_name": f"Number{n}",
        "title": "Chief Executive Officer",
        "company": {
            "name": f"Firm{n} Inc.",
            "website": f"https://www.firm{n}.com",
            "industry": "software",
            "employees": 2500,
        },
        "address": {"city": "Springfield", "country": "US"},
        "source": "referral",
        "budget": "60000 USD",
        "message": "We are looking for a system for our sales team, please call us back.",
        "consent": {"marketing_email": True, "at": "2026-01-05T10:00:00Z"},
    }


async def converted(servers: Servers) -> int:
    """How many conversions are stored."""
    connection = await asyncpg.connect(servers.postgres)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM conversion.opportunities"))
    finally:
        await connection.close()
