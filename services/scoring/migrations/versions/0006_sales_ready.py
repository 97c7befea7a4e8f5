"""Which leads were told to be sales-ready."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lead_scores ADD COLUMN sales_ready boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE lead_scores DROP COLUMN sales_ready")
