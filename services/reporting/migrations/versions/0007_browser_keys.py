"""Keys of browsers: tied to the origins of the pages that may use them."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE keys ADD COLUMN origins text[] NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    op.execute("ALTER TABLE keys DROP COLUMN origins")
