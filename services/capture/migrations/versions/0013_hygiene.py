"""The nightly look at leads: its runs, and when each lead is looked at next."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TABLES = (
    # `after_id` is the last lead that was looked at: a page names the one that it goes on from.
    """
    CREATE TABLE hygiene_runs (
        run_id       uuid        NOT NULL PRIMARY KEY,
        asked_by     text        NOT NULL,
        started_at   timestamptz NOT NULL,
        ended_at     timestamptz,
        leased_until timestamptz,
        after_id     uuid,
        checked      bigint      NOT NULL DEFAULT 0,
        changed      bigint      NOT NULL DEFAULT 0
    )
    """,
    # One at a time.
    "CREATE UNIQUE INDEX hygiene_runs_open ON hygiene_runs ((true)) WHERE ended_at IS NULL",
    # A lead without a row has never been looked at.
    "CREATE TABLE lead_checks (lead_id uuid NOT NULL PRIMARY KEY, due_at timestamptz NOT NULL)",
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("lead_checks", "hygiene_runs"):
        op.execute(f"DROP TABLE {table}")
