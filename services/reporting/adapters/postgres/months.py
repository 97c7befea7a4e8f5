"""The tables themselves: monthly partitions created ahead of time, and rows that an earlier release left."""

from shared.handling.work import Work


async def create_months(work: Work, months: int) -> int:
    """Create the partitions of this and the following months where missing; returns how many were created."""
    rows = await work.fetch("SELECT create_months($1::date, $2) AS created", work.now.date(), months)
    return int(rows[0]["created"])


async def fold_earlier_rows(work: Work) -> None:
    """Take over what the release before wrote while it was being replaced. Nothing to do costs nothing."""
    await work.execute("SELECT fold_earlier_rows()")
