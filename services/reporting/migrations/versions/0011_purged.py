"""Leads that a retention policy purged, counted in the ledger: their ids, and what they were."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE purged (lead_id uuid PRIMARY KEY, what text NOT NULL)")


def downgrade() -> None:
    op.execute("DROP TABLE purged")
