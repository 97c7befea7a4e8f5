"""Identities under a digest, each in one row with its first lead; further leads of a shared one in rows of their own."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_DIGEST = "encode(substring(sha256(convert_to(i.kind, 'UTF8') || '\\x00' || convert_to(i.value, 'UTF8')) FOR 16), 'hex')::uuid"

_UPGRADE = (
    "ALTER TABLE identities RENAME TO identities_v1",
    "ALTER TABLE identities_v1 RENAME CONSTRAINT identities_pkey TO identities_v1_pkey",
    # Whose an identity is, and the event that said so. The digest is half of the SHA-256 of kind, NUL and value. The
    # unique row is the lock by which one person reaching two replicas at once is one lead.
    """
    CREATE TABLE identities (
        digest   uuid NOT NULL PRIMARY KEY,
        lead_id  uuid NOT NULL,
        event_id uuid NOT NULL
    )
    """,
    # The leads beyond the first that share an identity: a switchboard's phone.
    """
    CREATE TABLE identity_shares (
        digest   uuid NOT NULL,
        lead_id  uuid NOT NULL,
        event_id uuid NOT NULL,
        PRIMARY KEY (digest, lead_id)
    )
    """,
    f"""
    INSERT INTO identities (digest, lead_id, event_id)
    SELECT DISTINCT ON (i.identity_id) {_DIGEST}, l.lead_id, l.event_id
    FROM identities_v1 i JOIN identity_links l USING (identity_id) ORDER BY i.identity_id, l.lead_id
    """,
    f"""
    INSERT INTO identity_shares (digest, lead_id, event_id)
    SELECT {_DIGEST}, l.lead_id, l.event_id
    FROM identities_v1 i JOIN identity_links l USING (identity_id) JOIN identities n ON n.digest = {_DIGEST}
    WHERE n.lead_id <> l.lead_id
    """,
    f"""
    UPDATE merges m SET moved_links = (
        SELECT coalesce(json_agg(json_build_array({_DIGEST}, link ->> 1)), '[]'::json)
        FROM json_array_elements(m.moved_links) AS link JOIN identities_v1 i ON i.identity_id = (link ->> 0)::bigint
    )
    """,
    "DROP TABLE identity_links",
    "DROP TABLE identities_v1",
)


def upgrade() -> None:
    for statement in _UPGRADE:
        op.execute(statement)


_DOWNGRADE = (
    """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM identities) THEN
            RAISE EXCEPTION 'an identity cannot be read out of its digest';
        END IF;
    END $$
    """,
    "DROP TABLE identity_shares",
    "DROP TABLE identities",
    """
    CREATE TABLE identities (
        identity_id bigint GENERATED ALWAYS AS IDENTITY,
        kind        text COLLATE "C" NOT NULL,
        value       text COLLATE "C" NOT NULL,
        PRIMARY KEY (kind, value)
    )
    """,
    """
    CREATE TABLE identity_links (
        identity_id bigint NOT NULL,
        lead_id     uuid   NOT NULL,
        event_id    uuid   NOT NULL,
        PRIMARY KEY (identity_id, lead_id)
    )
    """,
    "CREATE INDEX identity_links_lead ON identity_links (lead_id)",
)


def downgrade() -> None:
    for statement in _DOWNGRADE:
        op.execute(statement)
