"""The nightly look at leads on Postgres: begun by its timer, taken page by page, told of only where something is new."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.capture.domain.freshness import NIGHTLY
from services.capture.domain.verifying import contact_of, verify_offline
from services.capture.handlers.check_leads import nightly_timer
from services.capture.hygiene import said_of
from shared.contracts import ids
from shared.contracts.commands.capture import CheckLeads, HygieneDue
from shared.contracts.events.capture import LeadChanged
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.handling.outcomes import Skipped
from shared.handling.records import Record
from shared.messaging.settling import Settled
from shared.persistence.timers import add_timers
from tests.handlers.capture.test_capture_targets import command, completed, due_commands
from tests.support.capture import Bench, event_of, record
from tests.support.capture_commands import erase

pytestmark = pytest.mark.stack


async def due(bench: Bench) -> Record:
    """The timer of the next night, set and fired."""
    async with bench.database.transaction(bench.now) as work:
        await add_timers(work, [nightly_timer(NIGHTLY, bench.now)])
    bench.now = NIGHTLY.next_night(bench.now) + timedelta(seconds=1)
    (fired,) = await due_commands(bench, 1000)
    return fired


async def page(bench: Bench, offset: int, limit: int = 250, *, complete: bool = True) -> Record:
    """The command that the background would send now, with what can be told without asking anybody."""
    async with bench.database.transaction(bench.now) as work:
        run = await bench.books.checks.lease(work, work.now + timedelta(seconds=60))
        assert run is not None
        found = await bench.books.checks.due(work, run.after, limit)
        people = await bench.books.leads.load_leads(work, found.lead_ids)
    findings = [said_of(verify_offline(contact_of(one, people[one].facts))) for one in sorted(people)]
    data = CheckLeads(
        run_id=run.run_id, after=run.after, last=found.last, ends=found.is_last, complete=complete, findings=findings
    )
    made = record(
        offset, data.model_dump(), topic=CAPTURE_COMMANDS, record_type=CheckLeads.TYPE,
        timestamp=int(bench.now.timestamp() * 1000),
    )  # fmt: skip
    return made._replace(event_id=ids.derive(ids.COMMANDS, run.run_id, run.after or ""))


def changes(settled: Settled) -> list[LeadChanged]:
    return [LeadChanged.model_validate_json(event.data) for event in settled.outcome.events]  # type: ignore[union-attr]


async def run_row(bench: Bench) -> dict[str, Any]:
    (row,) = await bench.fetch("SELECT after_id, ended_at, checked, changed FROM hygiene_runs")
    return dict(row)


async def capture(bench: Bench, *emails: str) -> Sequence[str]:
    settled = await bench.settle(*(record(n, {"email": email}) for n, email in enumerate(emails)))
    return [event_of(one)["lead"]["lead_id"] for one in settled]


async def test_a_night_looks_at_every_lead_once_and_tells_of_what_is_new(bench: Bench) -> None:
    role, fine = await capture(bench, "info@northwind.com", "ann@northwind.com")
    (started,) = await bench.settle(await due(bench))
    assert started.outcome.outcome == "started"  # type: ignore[union-attr]
    (settled,) = await bench.settle(await page(bench, 2000))
    (change,) = changes(settled)
    assert (change.change, change.author, change.lead_version) == ("verified", "leadstream/capture/hygiene", 2)
    assert change.lead.lead_id == role and "email_role" in change.lead.warnings
    row = await run_row(bench)
    assert (row["checked"], row["changed"]) == (2, 1) and row["ended_at"] is not None
    versions = await bench.fetch("SELECT lead_id::text, lead_version FROM leads ORDER BY lead_version")
    assert [tuple(one) for one in versions] == [(fine, 1), (role, 2)]


async def test_the_next_night_comes_by_itself_and_looks_at_what_is_due_only(bench: Bench) -> None:
    await capture(bench, "info@northwind.com", "ann@northwind.com")
    await bench.settle(await due(bench))
    await bench.settle(await page(bench, 2000))
    assert await due_commands(bench, 3000) == []
    bench.now += timedelta(days=1)
    (fired,) = await due_commands(bench, 3000)
    assert fired.type == HygieneDue.TYPE
    await bench.settle(fired)
    (settled,) = await bench.settle(await page(bench, 4000))
    assert settled.outcome.events == ()  # type: ignore[union-attr]
    (newest,) = await bench.fetch("SELECT checked FROM hygiene_runs ORDER BY started_at DESC LIMIT 1")
    assert newest["checked"] == 0


async def test_pages_follow_one_another_and_one_that_comes_twice_changes_nothing(bench: Bench) -> None:
    await capture(bench, *(f"info@company{n}.com" for n in range(5)))
    await bench.settle(await due(bench))
    first = await page(bench, 2000, limit=2)
    (settled,) = await bench.settle(first)
    (again,) = await bench.settle(first)
    assert [e.envelope.event_id for e in again.outcome.events] == [  # type: ignore[union-attr]
        e.envelope.event_id
        for e in settled.outcome.events  # type: ignore[union-attr]
    ]
    (other,) = await bench.settle(first._replace(offset=2001, event_id=ids.new_id()))
    assert other.outcome == Skipped("page_not_next")
    told = changes(settled)
    while (await run_row(bench))["ended_at"] is None:
        bench.now += timedelta(seconds=61)
        (one,) = await bench.settle(await page(bench, 3000 + int(bench.now.timestamp()) % 997, limit=2))
        told += changes(one)
    assert len(told) == len({change.lead.lead_id for change in told}) == 5
    assert (await run_row(bench))["checked"] == 5


async def test_whoever_asks_begins_one_run_at_a_time(bench: Bench) -> None:
    await capture(bench, "info@northwind.com")
    first, second = await bench.settle(command(10, "hygiene.run"), command(11, "hygiene.run"))
    assert completed(first).status == "done"
    assert (completed(second).status, completed(second).reason) == ("refused", "run_under_way")
    (night,) = await bench.settle(await due(bench))
    assert night.outcome == Skipped("run_under_way")


async def test_leads_that_a_verifier_could_not_be_asked_about_are_due_the_night_after(bench: Bench) -> None:
    await capture(bench, "ann@northwind.com")
    await bench.settle(await due(bench))
    await bench.settle(await page(bench, 2000, complete=False))
    (row,) = await bench.fetch("SELECT due_at FROM lead_checks")
    assert row["due_at"] < bench.now + timedelta(days=1)


async def test_a_lead_that_was_merged_away_has_no_night_of_its_own_and_gets_it_back(bench: Bench) -> None:
    winner, loser = await capture(bench, "info@northwind.com", "office@northwind.com")
    merge = {"winner_id": winner, "loser_id": loser, "reason": "one desk"}
    (merged,) = await bench.settle(command(10, "lead.merge", **merge))
    assert completed(merged).status == "done"
    await bench.settle(await due(bench))
    (settled,) = await bench.settle(await page(bench, 2000))
    assert [change.lead.lead_id for change in changes(settled)] == [winner]
    (unmerged,) = await bench.settle(command(20, "lead.unmerge", lead_id=loser, reason="two desks"))
    assert completed(unmerged).status == "done"
    bench.now += timedelta(days=1)
    await bench.settle(*await due_commands(bench, 3000))
    (settled,) = await bench.settle(await page(bench, 4000))
    assert [change.lead.lead_id for change in changes(settled)] == [loser]


async def test_somebody_who_was_erased_while_a_verifier_was_asked_stays_erased(bench: Bench) -> None:
    (lead_id,) = await capture(bench, "info@northwind.com")
    await bench.settle(await due(bench))
    late = await page(bench, 2000)
    await bench.settle(erase(1500, lead_id))
    (settled,) = await bench.settle(late)
    assert settled.outcome.events == ()  # type: ignore[union-attr]
    (row,) = await bench.fetch("SELECT facts FROM leads")
    assert "info@" not in row["facts"] and "email_role" not in row["facts"]
