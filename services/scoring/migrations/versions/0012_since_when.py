"""Runs of journeys: since when their leads are in the segment."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE journey_runs ADD COLUMN since timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE journey_runs DROP COLUMN since")
