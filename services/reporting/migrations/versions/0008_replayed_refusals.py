"""Refused records that were replayed: of which a replay was asked for, so that another outcome of theirs is no double."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default rewrites nothing: the lock is held for a moment, whatever the size of the table.
    op.execute("ALTER TABLE settled ADD COLUMN replayed_bits bit(2048) NOT NULL DEFAULT repeat('0', 2048)::bit(2048)")


def downgrade() -> None:
    op.execute("ALTER TABLE settled DROP COLUMN replayed_bits")
