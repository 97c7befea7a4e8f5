"""Targets: who was listed and has not responded, and what becomes of them in time."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = (
    # Gone with the response, the expiry, the merge or the erasure. The facts of the lead say the same.
    """
    CREATE TABLE targets (
        lead_id   uuid        NOT NULL PRIMARY KEY,
        list_name text        NOT NULL,
        listed_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX targets_of_list ON targets (list_name, listed_at, lead_id)",
    """
    CREATE TABLE target_lists (
        list_name text        NOT NULL PRIMARY KEY,
        ttl_days  int         NOT NULL,
        action    text        NOT NULL,
        campaign  text,
        set_by    text        NOT NULL,
        set_at    timestamptz NOT NULL
    )
    """,
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("target_lists", "targets"):
        op.execute(f"DROP TABLE {table}")
