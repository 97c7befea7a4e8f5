"""What events tell of their leads beside that they happened: kept until the lead is known."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE behaviours ADD COLUMN tells text")


def downgrade() -> None:
    op.execute("ALTER TABLE behaviours DROP COLUMN tells")
