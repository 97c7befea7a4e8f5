"""Erasures: identifiers that stay out, and who asked for what."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_UP = (
    # Half of an HMAC of an identifier of somebody who was erased (services/capture/domain/erasing.py).
    "CREATE TABLE kept_out (digest uuid NOT NULL PRIMARY KEY, erased_at timestamptz NOT NULL)",
    # Erasures and exports that were asked for. `leads`: ids, final versions, ids that were merged into them.
    """
    CREATE TABLE person_requests (
        request_id   uuid        NOT NULL PRIMARY KEY,
        kind         text        NOT NULL,
        reason       text        NOT NULL,
        requested_by text        NOT NULL,
        leads        json        NOT NULL,
        kept_out     int         NOT NULL,
        requested_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX person_requests_newest ON person_requests (requested_at DESC, request_id)",
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME; END $$
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON person_requests
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE person_requests")
    op.execute("DROP FUNCTION refuse_change")
    op.execute("DROP TABLE kept_out")
