"""Monthly partitions of the event store, created ahead of time."""

from shared.handling.work import Work


async def create_months(work: Work, months: int) -> int:
    """Create the partitions of this and the following months where missing; returns how many were created."""
    rows = await work.fetch("SELECT create_months($1::date, $2) AS created", work.now.date(), months)
    return int(rows[0]["created"])
