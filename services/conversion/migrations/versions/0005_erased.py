"""Leads whose person was erased."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE leads ADD COLUMN erased boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE leads DROP COLUMN erased")
