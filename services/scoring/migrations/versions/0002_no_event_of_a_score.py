"""Scores without the event that led to them: nothing reads it. Releases before this one still write it."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lead_scores ALTER COLUMN event_id DROP NOT NULL")


def downgrade() -> None:
    op.execute("UPDATE lead_scores SET event_id = lead_id WHERE event_id IS NULL")
    op.execute("ALTER TABLE lead_scores ALTER COLUMN event_id SET NOT NULL")
