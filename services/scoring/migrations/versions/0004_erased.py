"""Scores of leads whose person was erased."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lead_scores ADD COLUMN erased boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE lead_scores DROP COLUMN erased")
