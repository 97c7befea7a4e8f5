"""Submissions that wait in quarantine, as they came."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = (
    # `record` is the inbound record (shared/contracts/commands/replay.py, OriginalRecord); erasure takes it out. `digests`
    # are those of the identities that it names.
    """
    CREATE TABLE quarantine (
        event_id       uuid        NOT NULL PRIMARY KEY,
        lead_id        uuid,
        digests        uuid[]      NOT NULL,
        points         int         NOT NULL,
        received_at    timestamptz NOT NULL,
        quarantined_at timestamptz NOT NULL,
        settled_at     timestamptz,
        source         text        NOT NULL,
        reasons        text[]      NOT NULL,
        state          text        NOT NULL,
        settled_by     text,
        note           text,
        record         text
    )
    """,
    "CREATE INDEX quarantine_by_time ON quarantine (state, quarantined_at, event_id)",
    "CREATE INDEX quarantine_digests ON quarantine USING gin (digests)",
    "CREATE INDEX quarantine_lead ON quarantine (lead_id) WHERE lead_id IS NOT NULL",
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE quarantine")
