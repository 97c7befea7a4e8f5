"""Keys: granted and revoked by command, published as hashes, the same again on a redelivery."""

from datetime import timedelta

import orjson

from services.reporting.adapters.postgres.keys import PostgresKeys
from services.reporting.adapters.postgres.store import PostgresEventStore
from services.reporting.subscribers import access, history
from shared.contracts.commands.reporting import GrantAccess, RevokeAccess
from shared.contracts.events.platform import AccessGranted
from shared.contracts.topics import ACCESS_GRANTED, REPORTING_COMMANDS
from shared.handling.outcomes import OutEvent, Produced, Rejected
from shared.handling.records import Record
from shared.messaging.settling import Settled, Settling
from shared.persistence.database import Database
from shared.runtime.access import Principal
from tests.support.reporting import NOW, Stream, count, lead_id, received

GRANT = GrantAccess(key_id="0123456789ab", secret_hash="0" * 64, role="source", source="website")
REVOKE = RevokeAccess(key_id="0123456789ab")


def settling(database: Database, *, later: bool = False) -> Settling:
    lane = access(PostgresEventStore(), PostgresKeys())
    return Settling(lane, "reporting-commands", database, lambda: NOW + timedelta(hours=1) if later else NOW)


def sent(stream: Stream, command: GrantAccess | RevokeAccess, n: int) -> Record:
    record = stream.record(REPORTING_COMMANDS, command.TYPE, command, key="k", event_id=lead_id(n))
    return record._replace(subject=lead_id(n))


def published(settled: list[Settled]) -> list[OutEvent]:
    return [
        e for s in settled if isinstance(s.outcome, Produced) for e in s.outcome.events if e.topic == ACCESS_GRANTED
    ]


async def test_a_granted_and_revoked_key_goes_out_as_one_key(database: Database) -> None:
    stream = Stream()
    records = [sent(stream, GRANT, 1), sent(stream, REVOKE, 2), sent(stream, REVOKE, 3)]
    events = published(await settling(database).settle(records, {}))
    assert [orjson.loads(e.data)["revoked"] for e in events] == [False, True, True]
    assert {e.key for e in events} == {b"0123456789ab"}
    assert len({e.envelope.event_id for e in events}) == 3


async def test_a_redelivery_gives_the_same_event_ids_from_the_newest_state(database: Database) -> None:
    stream = Stream()
    records = [sent(stream, GRANT, 1), sent(stream, REVOKE, 2)]
    first = published(await settling(database).settle(records, {}))
    again = published(await settling(database, later=True).settle(records, {}))
    assert [e.envelope for e in again] == [e.envelope for e in first]
    assert [orjson.loads(e.data)["revoked"] for e in again] == [True, True]
    assert await count(database, "keys") == 1


async def test_what_cannot_be_is_refused(database: Database) -> None:
    stream = Stream()
    other = GRANT.model_copy(update={"role": "admin"})
    records = [sent(stream, REVOKE, 1), sent(stream, GRANT, 2), sent(stream, other, 3)]
    settled = await settling(database).settle(records, {})
    assert [s.outcome.reason for s in settled if isinstance(s.outcome, Produced)] == ["unknown_key", None, "key_exists"]
    async with database.transaction(NOW) as work:
        assert [row["role"] for row in await work.fetch("SELECT role FROM keys")] == ["source"]


async def test_a_command_that_cannot_be_read_is_completed_and_parked(database: Database) -> None:
    bad = sent(Stream(), GRANT, 1)._replace(value=b"{}")
    (settled,) = await settling(database).settle([bad], {})
    assert isinstance(settled.outcome, Rejected)
    async with database.transaction(NOW) as work:
        (row,) = await work.fetch("SELECT kind, service, reason FROM parked")
        (command,) = await work.fetch("SELECT status FROM commands")
    assert tuple(row) == ("dead_letter", "reporting", "invalid_contract") and command["status"] == "dead_lettered"


async def test_the_history_lane_refuses_nothing(database: Database) -> None:
    """Through the chassis: whatever comes on whatever topic is stored, never dead-lettered, and never decided."""
    stream = Stream()
    lane = history(PostgresEventStore())
    records = [stream.record(topic, "what", b"\xff", key="k") for topic in lane.topics]
    records += [stream.record(topic, "", None, key="k") for topic in lane.topics]
    settled = await Settling(lane, "reporting", database, lambda: NOW).settle(records, {})
    assert {type(s.outcome) for s in settled} == {Produced}
    held = sum([await count(database, table) for table in ("events", "parked")]) + await received(database)
    assert held == len(records) and await count(database, "decisions") == 0


async def test_a_key_with_origins_is_a_browsers_and_may_send_no_lead(database: Database) -> None:
    wanted = GRANT.model_copy(update={"origins": ["https://shop.example"]})
    (event,) = published(await settling(database).settle([sent(Stream(), wanted, 1)], {}))
    granted = AccessGranted.model_validate_json(event.data)
    assert (granted.role, granted.origins) == ("browser", ["https://shop.example"])
    principal = Principal(granted.key_id, granted.role, granted.source)
    assert [right for right in ("send", "observe", "read", "change") if principal.may(right)] == ["observe"]
