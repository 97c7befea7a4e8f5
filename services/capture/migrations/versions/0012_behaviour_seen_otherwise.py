"""Behaviour that a command corrected, and persons who are waited for by when something of theirs came last."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE behaviours ADD COLUMN corrected_by uuid")
    op.execute("CREATE INDEX behaviours_corrected ON behaviours (corrected_by) WHERE corrected_by IS NOT NULL")
    op.execute("CREATE INDEX parties_persons_last ON parties (last_at) WHERE is_person AND waiting > 0")


def downgrade() -> None:
    op.execute("DROP INDEX parties_persons_last")
    op.execute("ALTER TABLE behaviours DROP COLUMN corrected_by")
