"""The first tables: leads, identities with their links, receipts, merges."""

from alembic import op

from shared.persistence.chassis_tables import chassis_tables_v1, drop_chassis_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    # One row a lead. `facts` is services/capture/domain/facts.py's stored form. A lead that was merged away keeps its
    # row, so that a merge can be taken back.
    """
    CREATE TABLE leads (
        lead_id      uuid        NOT NULL PRIMARY KEY,
        lead_version int         NOT NULL,
        created_us   bigint      NOT NULL,
        merged_into  uuid,
        changed_at   timestamptz NOT NULL,
        facts        text        NOT NULL
    ) WITH (toast_tuple_target = 8128)
    """,
    # The lock by which one person reaching two replicas at once is one lead.
    """
    CREATE TABLE identities (
        identity_id bigint GENERATED ALWAYS AS IDENTITY,
        kind        text COLLATE "C" NOT NULL,
        value       text COLLATE "C" NOT NULL,
        PRIMARY KEY (kind, value)
    )
    """,
    # Whose an identity is, and the event that brought it. Many leads may share one: a switchboard's phone.
    """
    CREATE TABLE identity_links (
        identity_id bigint NOT NULL,
        lead_id     uuid   NOT NULL,
        event_id    uuid   NOT NULL,
        PRIMARY KEY (identity_id, lead_id)
    )
    """,
    "CREATE INDEX identity_links_lead ON identity_links (lead_id)",
    # One row an inbound record. The receipt of an event's first record is the event's id.
    """
    CREATE TABLE receipts (
        receipt_id  uuid        NOT NULL PRIMARY KEY,
        repeat_of   uuid,
        topic_id    uuid        NOT NULL,
        partition   int         NOT NULL,
        "offset"    bigint      NOT NULL,
        row_number  int,
        lead_id     uuid,
        received_at timestamptz NOT NULL,
        settled_at  timestamptz NOT NULL,
        topic       text        NOT NULL,
        source      text        NOT NULL,
        outcome     text        NOT NULL,
        reason      text,
        field       text
    )
    """,
    "CREATE INDEX receipts_repeats ON receipts (repeat_of) WHERE repeat_of IS NOT NULL",
    # What a merge joined, kept so that it can be taken back.
    """
    CREATE TABLE merges (
        event_id       uuid        NOT NULL PRIMARY KEY,
        winner_id      uuid        NOT NULL,
        loser_id       uuid        NOT NULL,
        lead_version   int         NOT NULL,
        reason         text        NOT NULL,
        winner_facts   text        NOT NULL,
        moved_links    json        NOT NULL,
        merged_at      timestamptz NOT NULL
    )
    """,
)


def upgrade() -> None:
    for statement in (*chassis_tables_v1(), *_TABLES):
        op.execute(statement)


def downgrade() -> None:
    for table in ("merges", "receipts", "identity_links", "identities", "leads"):
        op.execute(f"DROP TABLE {table}")
    for statement in drop_chassis_tables_v1():
        op.execute(statement)
