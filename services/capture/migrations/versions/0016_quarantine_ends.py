"""What was settled in quarantine is found by when that was, to be forgotten in time."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX quarantine_settled ON quarantine (settled_at) WHERE state IN ('released', 'rejected')")


def downgrade() -> None:
    op.execute("DROP INDEX quarantine_settled")
