"""Which rules were published is found without reading every row."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX events_of_rules ON events (received_at) WHERE type = 'rules.published'")


def downgrade() -> None:
    op.execute("DROP INDEX events_of_rules")
