"""Segments: which leads belong to them, what moved, what leads did and said, recounts."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = (
    """
    CREATE TABLE segment_leads (
        lead_id       uuid        NOT NULL PRIMARY KEY,
        members       jsonb       NOT NULL,
        first_seen    timestamptz NOT NULL,
        look_at       timestamptz,
        rules_version int         NOT NULL,
        updated_at    timestamptz NOT NULL
    )
    """,
    "CREATE INDEX segment_leads_by_segment ON segment_leads USING gin (members)",
    """
    CREATE TABLE segment_moves (
        event_id      uuid        NOT NULL,
        lead_id       uuid        NOT NULL,
        segment       text        NOT NULL,
        entered       bool        NOT NULL,
        why           text        NOT NULL,
        since         text,
        at            timestamptz NOT NULL,
        rules_version int         NOT NULL,
        topic_id      uuid        NOT NULL,
        partition     int         NOT NULL,
        "offset"      bigint      NOT NULL,
        PRIMARY KEY (event_id, lead_id, segment, entered)
    )
    """,
    "CREATE INDEX segment_moves_by_time ON segment_moves USING brin (at)",
    """
    CREATE TABLE segment_behaviours (
        event_id uuid        NOT NULL PRIMARY KEY,
        lead_id  uuid        NOT NULL,
        kind     text        NOT NULL,
        category text,
        at       timestamptz NOT NULL,
        counts   bool        NOT NULL
    )
    """,
    "CREATE INDEX segment_behaviours_of_lead ON segment_behaviours (lead_id, at)",
    "CREATE INDEX segment_behaviours_by_time ON segment_behaviours USING brin (at)",
    """
    CREATE TABLE lead_interests (
        event_id  uuid        NOT NULL PRIMARY KEY,
        lead_id   uuid        NOT NULL,
        class     text        NOT NULL,
        reason    text        NOT NULL,
        resume_at timestamptz,
        stated_at timestamptz NOT NULL,
        author    text        NOT NULL
    )
    """,
    "CREATE INDEX lead_interests_of_lead ON lead_interests (lead_id, stated_at)",
    """
    CREATE TABLE segment_recounts (
        run_id     uuid        NOT NULL PRIMARY KEY,
        reason     text        NOT NULL,
        started_at timestamptz NOT NULL,
        ended_at   timestamptz,
        looked     int         NOT NULL DEFAULT 0,
        moved      int         NOT NULL DEFAULT 0
    )
    """,
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("segment_recounts", "lead_interests", "segment_behaviours", "segment_moves", "segment_leads"):
        op.execute(f"DROP TABLE {table}")
