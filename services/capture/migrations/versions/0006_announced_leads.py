"""Leads that a provider has announced, to be fetched."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_UP = (
    # The notification goes once it is settled; the row stays, so that the same announcement again fetches nothing.
    """
    CREATE TABLE announced_leads (
        source       text COLLATE "C" NOT NULL,
        provider_id  text COLLATE "C" NOT NULL,
        state        text        NOT NULL,
        reason       text,
        attempts     int         NOT NULL DEFAULT 0,
        announced_at timestamptz NOT NULL,
        due_at       timestamptz NOT NULL,
        leased_until timestamptz,
        occurred_at  text,
        notification text        NOT NULL,
        PRIMARY KEY (source, provider_id)
    )
    """,
    "CREATE INDEX announced_leads_due ON announced_leads (due_at) WHERE state = 'pending'",
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE announced_leads")
