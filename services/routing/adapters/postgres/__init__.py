"""Routing's tables in Postgres."""

from services.routing.adapters.postgres.erasure import PERSONAL
from services.routing.adapters.postgres.leads import PostgresLeads
from services.routing.adapters.postgres.roster import PostgresMembers, PostgresRotations
from services.routing.adapters.postgres.rules import PostgresAliases, PostgresRules
from services.routing.ports import Tables


def postgres_tables() -> Tables:
    """Every table that the use cases need."""
    return Tables(PostgresLeads(), PostgresRotations(), PostgresMembers(), PostgresRules(), PostgresAliases(), PERSONAL)
