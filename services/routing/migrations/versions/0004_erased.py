"""Assignments of leads whose person was erased. One that was never routed has a row and nobody."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_UP = (
    "ALTER TABLE assignments ADD COLUMN erased boolean NOT NULL DEFAULT false",
    "ALTER TABLE assignments DROP CONSTRAINT owner_or_queue",
    # Not looked up in rows that are there: they kept the narrower one.
    """
    ALTER TABLE assignments ADD CONSTRAINT owner_or_queue
        CHECK (erased OR (owner IS NULL) <> (queue IS NULL)) NOT VALID
    """,
)
_DOWN = (
    "DELETE FROM assignments WHERE owner IS NULL AND queue IS NULL",
    "ALTER TABLE assignments DROP CONSTRAINT owner_or_queue",
    "ALTER TABLE assignments ADD CONSTRAINT owner_or_queue CHECK ((owner IS NULL) <> (queue IS NULL)) NOT VALID",
    "ALTER TABLE assignments DROP COLUMN erased",
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in _DOWN:
        op.execute(statement)
