"""A draft that runs beside the live rules, and what it makes of leads."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = (
    """
    CREATE TABLE shadow_rules (
        kind         text        NOT NULL PRIMARY KEY,
        shadow_id    uuid        NOT NULL,
        name         text        NOT NULL,
        content_hash text        NOT NULL,
        document     text        NOT NULL,
        author       text        NOT NULL,
        reason       text        NOT NULL,
        started_at   timestamptz NOT NULL
    )
    """,
    # One row a batch and pair of grades: written by many at once, so none is ever changed.
    """
    CREATE TABLE shadow_counts (
        shadow_id    uuid        NOT NULL,
        live         text        NOT NULL,
        shadow       text        NOT NULL,
        scores       int         NOT NULL,
        differing    int         NOT NULL,
        difference   bigint      NOT NULL,
        live_version int         NOT NULL,
        counted_at   timestamptz NOT NULL
    )
    """,
    "CREATE INDEX shadow_counts_of ON shadow_counts (shadow_id)",
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE shadow_counts")
    op.execute("DROP TABLE shadow_rules")
