"""Opportunities as they stand, to be counted by stage."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No pipeline: only a change was told yet, not the conversion.
    op.execute(
        """
        CREATE TABLE opportunities (
            opportunity_id      uuid NOT NULL PRIMARY KEY,
            opportunity_version int  NOT NULL,
            pipeline            text,
            stage               text NOT NULL,
            probability         int  NOT NULL,
            amount              numeric,
            currency            text
        ) WITH (fillfactor = 85)
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE opportunities")
