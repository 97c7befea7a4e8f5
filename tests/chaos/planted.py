"""Bugs planted in Postgres: what is stored of some rows fails, as a bug in a handler or a constraint would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.chaos.fault import World


@asynccontextmanager
async def bug(world: World, table: str, condition: str = "true") -> AsyncIterator[None]:
    """Until the end, rows of `table` for which `condition` (of NEW) holds can be neither inserted nor updated."""
    name = f"planted_{table.replace('.', '_')}"
    await world.sql(
        f"CREATE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {condition} THEN RAISE EXCEPTION 'planted'; END IF; RETURN NEW; END $$"
    )
    await world.sql(
        f"CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION public.{name}()"
    )
    try:
        yield
    finally:
        await world.sql(f"DROP FUNCTION public.{name}() CASCADE")


def of_leads(column: str, lead_ids: set[str]) -> str:
    """The condition that a row is one of these leads'."""
    return f"NEW.{column}::text IN ({', '.join(repr(lead) for lead in sorted(lead_ids))})"
