"""Forms that were sent lately, so that a double submit is one lead."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_UP = (
    # A keyed digest of what the form said (services/capture/domain/doubles.py); kept for a day.
    """
    CREATE TABLE sent_forms (
        digest      uuid   NOT NULL PRIMARY KEY,
        lead_id     uuid   NOT NULL,
        received_ms bigint NOT NULL
    )
    """,
    "CREATE INDEX sent_forms_age ON sent_forms (received_ms)",
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE sent_forms")
