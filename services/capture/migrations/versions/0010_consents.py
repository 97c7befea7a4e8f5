"""What people agreed to and refused: a row a statement, never changed."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_UP = (
    """
    CREATE TABLE consents (
        consent_id   uuid        NOT NULL PRIMARY KEY,
        lead_id      uuid        NOT NULL,
        event_id     uuid        NOT NULL,
        given        boolean     NOT NULL,
        confirmed    boolean     NOT NULL,
        received_at  timestamptz NOT NULL,
        said_at      timestamptz,
        purpose      text        NOT NULL,
        source       text        NOT NULL,
        lawful_basis text,
        wording_id   text,
        wording      text
    )
    """,
    "CREATE INDEX consents_of_lead ON consents (lead_id, received_at)",
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE consents")
