"""What is counted of a transaction is counted when that is committed."""

import pytest

from shared.handling.work import Work
from shared.persistence.database import Database, create_engine
from tests.support.timer_hop import START

pytestmark = pytest.mark.stack


class Undone(Exception):
    """Rolls a transaction back."""


async def test_what_a_savepoint_takes_back_is_not_counted(dsn: str) -> None:
    database, counted = Database(create_engine(dsn, "scoring")), list[str]()

    async def tried(work: Work, name: str, *, fails: bool) -> None:
        async with work.savepoint():
            work.once_stored(lambda: counted.append(name))
            if fails:
                raise Undone

    async with database.transaction(START) as work:
        await tried(work, "one", fails=False)
        with pytest.raises(Undone):
            await tried(work, "two", fails=True)
        await tried(work, "three", fails=False)
    await database.dispose()
    assert counted == ["one", "three"]


async def test_what_is_rolled_back_is_not_counted(dsn: str) -> None:
    database, counted = Database(create_engine(dsn, "scoring")), list[str]()

    async def fail() -> None:
        async with database.transaction(START) as work:
            work.once_stored(lambda: counted.append("rolled back"))
            raise Undone

    with pytest.raises(Undone):
        await fail()
    async with database.transaction(START) as work:
        work.once_stored(lambda: counted.append("committed"))
        assert counted == []
    await database.dispose()
    assert counted == ["committed"]
