"""Which leads became opportunities, as conversion says: advice, by ids alone."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE conversions (
            opportunity_id uuid        NOT NULL PRIMARY KEY,
            lead_id        uuid        NOT NULL,
            account_id     uuid        NOT NULL,
            contact_id     uuid        NOT NULL,
            converted_at   timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX conversions_of_lead ON conversions (lead_id)")


def downgrade() -> None:
    op.execute("DROP TABLE conversions")
