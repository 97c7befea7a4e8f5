"""Journeys: runs of leads, the steps that were taken, what is sent."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLES = (
    """
    CREATE TABLE journey_runs (
        run_id     uuid        NOT NULL PRIMARY KEY,
        lead_id    uuid        NOT NULL,
        journey    text        NOT NULL,
        entered_at timestamptz NOT NULL,
        step       text        NOT NULL,
        state      text        NOT NULL,
        reason     text,
        due_at     timestamptz,
        updated_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX journey_runs_of_lead ON journey_runs (lead_id)",
    "CREATE UNIQUE INDEX journey_runs_under_way ON journey_runs (lead_id, journey) WHERE state = 'active'",
    """
    CREATE TABLE journey_steps (
        event_id      uuid        NOT NULL,
        seq           int         NOT NULL,
        topic_id      uuid        NOT NULL,
        partition     int         NOT NULL,
        "offset"      bigint      NOT NULL,
        at            timestamptz NOT NULL,
        rules_version int         NOT NULL,
        run_id        uuid        NOT NULL,
        lead_id       uuid        NOT NULL,
        journey       text        NOT NULL,
        step          text        NOT NULL,
        action        text        NOT NULL,
        reason        text,
        send_id       uuid,
        channel       text,
        template      text,
        code          text,
        valid_until   timestamptz,
        PRIMARY KEY (event_id, seq)
    )
    """,
    "CREATE INDEX journey_steps_of_lead ON journey_steps (lead_id)",
    "CREATE INDEX journey_steps_by_time ON journey_steps USING brin (at)",
    """
    CREATE TABLE journey_sends (
        send_id       uuid        NOT NULL PRIMARY KEY,
        run_id        uuid        NOT NULL,
        lead_id       uuid        NOT NULL,
        journey       text        NOT NULL,
        step          text        NOT NULL,
        channel       text        NOT NULL,
        code          text,
        valid_until   timestamptz,
        rules_version int         NOT NULL,
        state         text        NOT NULL DEFAULT 'decided',
        reason        text,
        decided_at    timestamptz NOT NULL,
        due_at        timestamptz NOT NULL,
        leased_until  timestamptz,
        attempts      int         NOT NULL DEFAULT 0,
        settled_at    timestamptz,
        redeemed_by   uuid,
        redeemed_at   timestamptz,
        amount        numeric,
        currency      text
    )
    """,
    "CREATE INDEX journey_sends_due ON journey_sends (due_at) WHERE state = 'released'",
    "CREATE INDEX journey_sends_of_lead ON journey_sends (lead_id, decided_at)",
    "CREATE INDEX journey_sends_of_run ON journey_sends (run_id)",
    "CREATE UNIQUE INDEX journey_sends_by_code ON journey_sends (code)",
    "CREATE INDEX journey_sends_redeemed ON journey_sends (redeemed_by) WHERE redeemed_by IS NOT NULL",
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("journey_sends", "journey_steps", "journey_runs"):
        op.execute(f"DROP TABLE {table}")
