"""Which company a lead belongs to, where the scoring model brings leads together."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE lead_scores ADD COLUMN account_key text")
    op.execute("CREATE INDEX lead_scores_accounts ON lead_scores (account_key) WHERE account_key IS NOT NULL")


def downgrade() -> None:
    op.execute("DROP INDEX lead_scores_accounts")
    op.execute("ALTER TABLE lead_scores DROP COLUMN account_key")
