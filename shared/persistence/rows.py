"""Adding many rows at once: COPY, which takes Postgres half of the time that an INSERT of arrays takes."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from shared.handling.work import Work
from shared.persistence.decisions import ClaimLost


async def add_rows(work: Work, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Add rows that nobody has stored yet, in the order given. Raises ClaimLost (look again) when somebody did."""
    try:
        await work.db.copy_records_to_table(table, columns=columns, records=rows)
    except asyncpg.UniqueViolationError as error:
        raise ClaimLost from error
