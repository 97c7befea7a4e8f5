"""What leads did, for segments: when it was last seen otherwise, so that an older correction that comes late changes nothing."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE segment_behaviours ADD COLUMN corrected_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE segment_behaviours DROP COLUMN corrected_at")
