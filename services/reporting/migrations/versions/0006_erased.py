"""Leads whose person was erased: what comes late of them is blanked as it is stored."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE progress ADD COLUMN erased boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE progress DROP COLUMN erased")
