"""The first tables: event store by month, ledger, stages and funnel, parked records, keys."""

from typing import Final

from alembic import op

from shared.persistence.chassis_tables import chassis_tables_v1, drop_chassis_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MONTHS_AHEAD: Final = 3

_TABLES: Final = (
    # Every event without its personal part. A record's month is Kafka's timestamp of it, so that a redelivery meets
    # its own row.
    """
    CREATE TABLE events (
        topic_id    uuid        NOT NULL,
        partition   int         NOT NULL,
        "offset"    bigint      NOT NULL,
        received_at timestamptz NOT NULL,
        event_id    uuid        NOT NULL,
        topic       text        NOT NULL,
        type        text        NOT NULL,
        occurred_at timestamptz NOT NULL,
        source      text,
        lead_id     uuid,
        facts       text        NOT NULL,
        PRIMARY KEY (topic_id, partition, "offset", received_at)
    ) PARTITION BY RANGE (received_at)
    """,
    "CREATE INDEX events_of_lead ON events (lead_id) WHERE lead_id IS NOT NULL",
    """
    CREATE TABLE personal (
        topic_id    uuid        NOT NULL,
        partition   int         NOT NULL,
        "offset"    bigint      NOT NULL,
        received_at timestamptz NOT NULL,
        lead_id     uuid        NOT NULL,
        personal    text        NOT NULL,
        PRIMARY KEY (topic_id, partition, "offset", received_at)
    ) PARTITION BY RANGE (received_at)
    """,
    "CREATE INDEX personal_of_lead ON personal (lead_id)",
    "CREATE TABLE events_default PARTITION OF events DEFAULT",
    "CREATE TABLE personal_default PARTITION OF personal DEFAULT",
    # Months ahead. A month that already has rows in the default partition stays there.
    """
    CREATE FUNCTION create_months(first date, months int) RETURNS int LANGUAGE plpgsql AS $$
    DECLARE
        parent text; month date; name text; created int := 0;
    BEGIN
        FOR n IN 0 .. months - 1 LOOP
            month := (date_trunc('month', first) + make_interval(months => n))::date;
            FOREACH parent IN ARRAY ARRAY['events', 'personal'] LOOP
                name := parent || to_char(month, '_YYYY_MM');
                IF to_regclass(name) IS NULL THEN
                    BEGIN
                        EXECUTE format(
                            'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', name, parent,
                            month::text || ' 00:00:00+00', (month + interval '1 month')::date::text || ' 00:00:00+00');
                        created := created + 1;
                    EXCEPTION WHEN check_violation THEN NULL;
                    END;
                END IF;
            END LOOP;
        END LOOP;
        RETURN created;
    END $$
    """,
    f"SELECT create_months((now() AT TIME ZONE 'utc')::date, {_MONTHS_AHEAD})",
    # The ledger: what was received, and what events say became of it.
    """
    CREATE TABLE inbound (
        topic_id    uuid        NOT NULL,
        partition   int         NOT NULL,
        "offset"    bigint      NOT NULL,
        topic       text        NOT NULL,
        event_id    uuid        NOT NULL,
        source      text        NOT NULL,
        received_at timestamptz NOT NULL,
        PRIMARY KEY (topic_id, partition, "offset")
    )
    """,
    """
    CREATE TABLE outcomes (
        topic_id   uuid        NOT NULL,
        partition  int         NOT NULL,
        "offset"   bigint      NOT NULL,
        event_id   uuid        NOT NULL,
        outcome    text        NOT NULL,
        reason     text,
        lead_id    uuid,
        receipt_id text,
        settled_at timestamptz NOT NULL,
        PRIMARY KEY (topic_id, partition, "offset", event_id)
    )
    """,
    # A dead letter or a quarantine may be followed by another outcome (replay, release); a final one stands.
    """
    CREATE VIEW standing_outcomes AS
    SELECT DISTINCT ON (topic_id, partition, "offset") *
    FROM outcomes
    ORDER BY topic_id, partition, "offset", outcome IN ('dead_lettered', 'quarantined'), settled_at DESC, event_id
    """,
    # `was_day` and `was_source` hold what an earlier event moved away, so that the counts move with it.
    """
    CREATE TABLE lead_stages (
        lead_id    uuid        NOT NULL,
        stage      text        NOT NULL,
        first_at   timestamptz NOT NULL,
        source     text        NOT NULL,
        day        date        NOT NULL,
        was_day    date,
        was_source text,
        PRIMARY KEY (lead_id, stage)
    )
    """,
    "CREATE INDEX lead_stages_captured ON lead_stages (first_at DESC, lead_id DESC) WHERE stage = 'captured'",
    """
    CREATE TABLE funnel_daily (
        day    date   NOT NULL,
        source text   NOT NULL,
        stage  text   NOT NULL,
        count  bigint NOT NULL,
        PRIMARY KEY (day, source, stage)
    )
    """,
    """
    CREATE TABLE parked (
        parked_id   uuid        NOT NULL PRIMARY KEY,
        kind        text        NOT NULL,
        service     text        NOT NULL,
        reason      text        NOT NULL,
        place       text,
        source      text,
        topic       text        NOT NULL,
        topic_id    uuid,
        partition   int,
        "offset"    bigint,
        event_id    uuid        NOT NULL,
        lead_id     uuid,
        headers     text        NOT NULL,
        parked_at   timestamptz NOT NULL
    )
    """,
    "CREATE INDEX parked_by_time ON parked (parked_at DESC, parked_id)",
    "CREATE INDEX parked_of_lead ON parked (lead_id) WHERE lead_id IS NOT NULL",
    """
    CREATE TABLE parked_values (
        parked_id uuid  NOT NULL PRIMARY KEY REFERENCES parked ON DELETE CASCADE,
        key       bytea,
        value     bytea
    )
    """,
    """
    CREATE TABLE keys (
        key_id      text        NOT NULL PRIMARY KEY,
        secret_hash text        NOT NULL,
        role        text        NOT NULL,
        source      text,
        label       text        NOT NULL,
        revoked     boolean     NOT NULL DEFAULT false,
        granted_at  timestamptz NOT NULL
    )
    """,
)


def upgrade() -> None:
    for statement in (*chassis_tables_v1(), *_TABLES):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION create_months")
    op.execute("DROP VIEW standing_outcomes")
    for table in (
        "keys", "parked_values", "parked", "funnel_daily", "lead_stages", "outcomes", "inbound", "personal", "events",
    ):  # fmt: skip
        op.execute(f"DROP TABLE {table}")
    for statement in drop_chassis_tables_v1():
        op.execute(statement)
