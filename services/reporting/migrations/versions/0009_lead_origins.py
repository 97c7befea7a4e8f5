"""Where leads say they come from, where no count has it: words that no vocabulary knows, and who referred them."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE lead_origins (
            lead_id uuid PRIMARY KEY,
            lead_version integer NOT NULL,
            source_raw text,
            referrer_ref text
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE lead_origins")
