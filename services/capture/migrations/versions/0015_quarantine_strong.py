"""Which of the identities that a held submission names are one person's alone."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Digests of addresses and sources' own ids; null where it was held before this was noted.
    op.execute("ALTER TABLE quarantine ADD COLUMN strong uuid[]")


def downgrade() -> None:
    op.execute("ALTER TABLE quarantine DROP COLUMN strong")
