"""The books as pages of bits, the spine's events in bundles, a row a lead; earlier rows are folded into them."""

from typing import Final

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STAGES: Final = ("captured", "scored", "marketing_qualified", "routed", "converted")
_FINAL: Final = ("new", "merged", "rejected", "test")
_ZERO: Final = "repeat('0', 2048)::bit(2048)"
_BIT: Final = f'bit_or(set_bit({_ZERO}, ("offset" % 2048)::int, 1))'
_MARK: Final = f"set_bit({_ZERO}, place, 1)"
_NAMES: Final = ", ".join(f"'{kind}'" for kind in _FINAL)
_KINDS: Final = ", ".join(f"{kind}_bits" for kind in (*_FINAL, "held"))
_COLUMNS: Final = ", ".join(f"{stage}_{part}" for stage in _STAGES for part in ("at", "from"))
_SET: Final = ", ".join(f"{kind}_bits = s.{kind}_bits | excluded.{kind}_bits" for kind in (*_FINAL, "held"))
_EARLIEST: Final = ", ".join(
    f"{stage}_{part} = CASE WHEN p.{stage}_at IS NULL OR (x.{stage}_at, x.{stage}_from) < (p.{stage}_at, p.{stage}_from) "
    f"THEN x.{stage}_{part} ELSE p.{stage}_{part} END".replace("x.", "excluded.")
    for stage in _STAGES
    for part in ("at", "from")
)

_TABLES: Final = (
    # Which records of the spine's events are stored: 2,048 offsets a row. Rows change in place, so there is room left.
    """
    CREATE TABLE stored (
        topic_id  uuid      NOT NULL,
        partition int       NOT NULL,
        page      bigint    NOT NULL,
        bits      bit(2048) NOT NULL,
        PRIMARY KEY (topic_id, partition, page)
    ) WITH (fillfactor = 50)
    """,
    # The ledger: what was received, from whom, on which day (UTC, by Kafka's timestamp).
    """
    CREATE TABLE received (
        topic_id    uuid      NOT NULL,
        partition   int       NOT NULL,
        page        bigint    NOT NULL,
        source      text      NOT NULL,
        topic       text      NOT NULL,
        received_on date      NOT NULL,
        bits        bit(2048) NOT NULL,
        PRIMARY KEY (topic_id, partition, page, source, received_on)
    ) WITH (fillfactor = 50)
    """,
    # What became of it. Final outcomes exclude each other; `held`: `outcomes` has one that another may follow.
    f"""
    CREATE TABLE settled (
        topic_id  uuid   NOT NULL,
        partition int    NOT NULL,
        page      bigint NOT NULL,
        {", ".join(f"{kind}_bits bit(2048) NOT NULL" for kind in (*_FINAL, "held"))},
        PRIMARY KEY (topic_id, partition, page)
    ) WITH (fillfactor = 50)
    """,
    # Final outcomes of records that had one already.
    """
    CREATE TABLE doubles (
        topic_id   uuid        NOT NULL,
        partition  int         NOT NULL,
        "offset"   bigint      NOT NULL,
        event_id   uuid        NOT NULL,
        outcome    text        NOT NULL,
        settled_at timestamptz NOT NULL,
        PRIMARY KEY (topic_id, partition, "offset", event_id)
    )
    """,
    "CREATE SEQUENCE bundle_ids",
    # Events as they came, compressed together (services/reporting/domain/bundles.py); the arrays are for the recount.
    """
    CREATE TABLE bundles (
        bundle_id bigint      NOT NULL PRIMARY KEY,
        stored_at timestamptz NOT NULL,
        body      bytea       NOT NULL,
        lead_ids  uuid[]      NOT NULL,
        stages    int[]       NOT NULL,
        at_us     bigint[]    NOT NULL,
        sources   text[]      NOT NULL
    )
    """,
    *(f"ALTER TABLE bundles ALTER COLUMN {name} SET STORAGE EXTERNAL" for name in ("body", "lead_ids", "at_us")),
    # When a lead first reached each stage, with which source, and the bundles that hold its events.
    f"""
    CREATE TABLE progress (
        lead_id uuid     NOT NULL PRIMARY KEY,
        stages  int      NOT NULL,
        {", ".join(f"{stage}_at timestamptz" for stage in _STAGES)},
        {", ".join(f"{stage}_from text" for stage in _STAGES)},
        bundles bigint[] NOT NULL
    ) WITH (fillfactor = 50)
    """,
    "CREATE INDEX progress_captured ON progress (captured_at DESC, lead_id DESC) WHERE captured_at IS NOT NULL",
    "CREATE INDEX progress_uncaptured ON progress (lead_id) WHERE captured_at IS NULL",
    # Leads by the day and the source of their first capture, and by the set of stages that they reached.
    """
    CREATE TABLE cohorts (
        day    date   NOT NULL,
        source text   NOT NULL,
        stages int    NOT NULL,
        count  bigint NOT NULL,
        PRIMARY KEY (day, source, stages)
    )
    """,
    "CREATE INDEX events_of_nobody ON events (event_id) WHERE lead_id IS NULL",
    # Rows of the tables before these; the release before may write some until it is stopped.
    f"""
    CREATE FUNCTION fold_earlier_rows() RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        WITH taken AS (DELETE FROM inbound RETURNING *)
        INSERT INTO received AS r (topic_id, partition, page, source, topic, received_on, bits)
        SELECT topic_id, partition, "offset" / 2048, source, min(topic), (received_at AT TIME ZONE 'utc')::date, {_BIT}
        FROM taken GROUP BY topic_id, partition, "offset" / 2048, source, (received_at AT TIME ZONE 'utc')::date
        ON CONFLICT (topic_id, partition, page, source, received_on) DO UPDATE SET bits = r.bits | excluded.bits;

        CREATE TEMPORARY TABLE earlier ON COMMIT DROP AS
        WITH taken AS (DELETE FROM outcomes WHERE outcome IN ({_NAMES}) RETURNING *)
        SELECT t.*, t."offset" / 2048 AS page, (t."offset" % 2048)::int AS place,
            row_number() OVER (PARTITION BY t.topic_id, t.partition, t."offset" ORDER BY t.settled_at, t.event_id) AS nth
        FROM taken t;
        INSERT INTO doubles (topic_id, partition, "offset", event_id, outcome, settled_at)
        SELECT topic_id, partition, "offset", event_id, outcome, settled_at
        FROM earlier e LEFT JOIN settled s USING (topic_id, partition, page)
        WHERE nth > 1 OR get_bit({" | ".join(f"s.{kind}_bits" for kind in _FINAL)}, place) = 1
        ON CONFLICT DO NOTHING;
        INSERT INTO settled AS s (topic_id, partition, page, {_KINDS})
        SELECT topic_id, partition, page,
            {", ".join(f"coalesce(bit_or({_MARK}) FILTER (WHERE e.outcome = '{kind}'), {_ZERO})" for kind in _FINAL)}, {_ZERO}
        FROM earlier e
        WHERE nth = 1 AND NOT EXISTS (SELECT 1 FROM doubles d WHERE (d.topic_id, d.partition, d."offset", d.event_id)
                                                                   = (e.topic_id, e.partition, e."offset", e.event_id))
        GROUP BY topic_id, partition, page
        ON CONFLICT (topic_id, partition, page) DO UPDATE SET {_SET};
        DROP TABLE earlier;

        INSERT INTO settled AS s (topic_id, partition, page, {_KINDS})
        SELECT topic_id, partition, "offset" / 2048, {", ".join(_ZERO for _ in _FINAL)}, {_BIT} FROM outcomes
        GROUP BY topic_id, partition, "offset" / 2048
        ON CONFLICT (topic_id, partition, page) DO UPDATE SET {_SET};

        IF EXISTS (SELECT 1 FROM lead_stages) THEN
            LOCK TABLE cohorts, progress IN EXCLUSIVE MODE;
            WITH taken AS (DELETE FROM lead_stages RETURNING *)
            INSERT INTO progress AS p (lead_id, bundles, stages, {_COLUMNS})
            SELECT lead_id, '{{}}', bit_or(CASE stage {" ".join(f"WHEN '{s}' THEN {1 << n}" for n, s in enumerate(_STAGES))} END),
                {", ".join(f"min({c}) FILTER (WHERE stage = '{s}')" for s in _STAGES for c in ("first_at", "source"))}
            FROM taken GROUP BY lead_id
            ON CONFLICT (lead_id) DO UPDATE SET stages = p.stages | excluded.stages, {_EARLIEST};
            DELETE FROM cohorts;
            INSERT INTO cohorts SELECT (captured_at AT TIME ZONE 'utc')::date, captured_from, stages, count(*)
            FROM progress WHERE captured_at IS NOT NULL GROUP BY 1, 2, 3;
        END IF;
    END $$
    """,
    "SELECT fold_earlier_rows()",
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION fold_earlier_rows")
    op.execute("DROP INDEX events_of_nobody")
    for table in ("doubles", "cohorts", "progress", "bundles", "settled", "received", "stored"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP SEQUENCE bundle_ids")
