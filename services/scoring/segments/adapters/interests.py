"""What was said of the interest of leads: a row a statement, the newest of a lead and of those merged into it stands."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.scoring.segments.adapters.family import FAMILY
from services.scoring.segments.domain.membership import Interest
from services.scoring.segments.ports import Statement
from shared.contracts.commands.segments import ResumeInterest
from shared.handling.records import Record
from shared.handling.work import Work
from shared.persistence.timers import Timer, cancel_timers, set_timers, timer_id

_STATE: Final = """
    INSERT INTO lead_interests (event_id, lead_id, class, reason, resume_at, stated_at, author)
    SELECT u.* FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                           $7::text[]) AS u (event_id, lead_id, class, reason, resume_at, stated_at, author)
    WHERE NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.lead_id = u.lead_id)
    ORDER BY u.event_id ON CONFLICT (event_id) DO NOTHING
"""
_NEWEST: Final = f"""
    WITH RECURSIVE {FAMILY}
    SELECT DISTINCT ON (f.root) f.root::text, i.class, i.reason, i.resume_at
    FROM family f JOIN lead_interests i ON i.lead_id = f.lead_id
    ORDER BY f.root, i.stated_at DESC, i.event_id DESC
"""
_BY: Final = """
    SELECT event_id::text, lead_id::text, class, reason, resume_at, stated_at, author
    FROM lead_interests WHERE event_id = ANY($1::uuid[])
"""


class PostgresInterests:
    """The part of `SegmentBook` about interest."""

    async def state(self, work: Work, statements: Sequence[Statement]) -> None:
        """See SegmentBook."""
        if not statements:
            return
        await work.execute(_STATE, *zip(*map(_row, statements), strict=True))
        lead_ids = sorted({each.lead_id for each in statements})
        newest = await self.newest(work, lead_ids)
        await set_timers(work, [resume_timer(lead_id, said) for lead_id, said in newest.items() if said.resume_at])
        others = [lead_id for lead_id in lead_ids if lead_id not in newest or newest[lead_id].resume_at is None]
        await cancel_timers(work, [timer_id(ResumeInterest.TYPE, lead_id) for lead_id in others])

    async def stated_by(self, work: Work, records: Sequence[Record]) -> Mapping[str, Statement]:
        """See SegmentBook."""
        rows = await work.fetch(_BY, [record.event_id for record in records])
        return {row["event_id"]: _statement(row) for row in rows}

    async def newest(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Interest]:
        """See SegmentBook."""
        rows = await work.fetch(_NEWEST, lead_ids)
        return {row["root"]: Interest(row["class"], row["reason"], row["resume_at"]) for row in rows}


def resume_timer(lead_id: str, said: Interest) -> Timer:
    """The timer of the date to come back."""
    assert said.resume_at is not None
    return Timer(ResumeInterest.TYPE, lead_id, said.resume_at, {"lead_id": lead_id})


def _row(said: Statement) -> tuple[Any, ...]:
    interest = said.interest
    return (
        said.event_id, said.lead_id, interest.interest, interest.reason, interest.resume_at, said.stated_at, said.author,
    )  # fmt: skip


def _statement(row: Any) -> Statement:
    interest = Interest(row["class"], row["reason"], row["resume_at"])
    return Statement(row["event_id"], row["lead_id"], interest, row["stated_at"], row["author"])
