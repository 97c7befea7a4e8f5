"""Behaviour: events of strangers that wait, those of leads for as long as they may be judged anew, and who visitors are."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = (
    # One row an event. `waits_for` is the stranger whose it is, until `settled_by`, its own event or another one, made
    # it a lead's. `body` is `lead.behaved` without the lead; `context` what is needed to judge again who did it.
    """
    CREATE TABLE behaviours (
        event_id    uuid   NOT NULL PRIMARY KEY,
        occurred_us bigint NOT NULL,
        received_ms bigint NOT NULL,
        waits_for   uuid,
        lead_id     uuid,
        settled_by  uuid,
        linked_by   uuid,
        visitor     uuid,
        message     uuid,
        matched_by  text,
        body        text   NOT NULL,
        context     text
    ) WITH (toast_tuple_target = 8128)
    """,
    "CREATE INDEX behaviours_waiting ON behaviours (waits_for, occurred_us, event_id) WHERE waits_for IS NOT NULL",
    "CREATE INDEX behaviours_settled_later ON behaviours (settled_by) WHERE settled_by <> event_id",
    "CREATE INDEX behaviours_of_lead ON behaviours (lead_id) WHERE lead_id IS NOT NULL",
    "CREATE INDEX behaviours_linked ON behaviours (linked_by) WHERE linked_by IS NOT NULL",
    "CREATE INDEX behaviours_of_message ON behaviours (message, occurred_us) WHERE message IS NOT NULL",
    "CREATE INDEX behaviours_received ON behaviours (received_ms)",
    # A stranger: a visitor's id (a digest), or a person whom no lead is known for. Its row is the lock.
    """
    CREATE TABLE parties (
        digest    uuid        NOT NULL PRIMARY KEY,
        is_person boolean     NOT NULL,
        is_linked boolean     NOT NULL DEFAULT false,
        waiting   int         NOT NULL DEFAULT 0,
        last_at   timestamptz NOT NULL
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX parties_linked ON parties (last_at) WHERE is_linked AND waiting > 0",
    "CREATE INDEX parties_persons ON parties (digest) WHERE is_person AND waiting > 0",
    "CREATE INDEX parties_last ON parties (last_at)",
    # Who a visitor was since when; the event that said so, and what of it matched, are the evidence.
    """
    CREATE TABLE visitor_links (
        visitor     uuid        NOT NULL,
        event_id    uuid        NOT NULL,
        lead_id     uuid        NOT NULL,
        since_us    bigint      NOT NULL,
        matched_by  text        NOT NULL,
        evidence    text        NOT NULL,
        linked_at   timestamptz NOT NULL,
        unlinked_at timestamptz,
        unlinked_by uuid,
        PRIMARY KEY (visitor, event_id)
    )
    """,
    "CREATE INDEX visitor_links_lead ON visitor_links (lead_id)",
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("visitor_links", "parties", "behaviours"):
        op.execute(f"DROP TABLE {table}")
