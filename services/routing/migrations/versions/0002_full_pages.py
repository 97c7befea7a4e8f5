"""Pages of assignments are filled: room that is kept free for updates leaves many a page with one row of two."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE assignments SET (fillfactor = 100)")


def downgrade() -> None:
    op.execute("ALTER TABLE assignments SET (fillfactor = 85)")
