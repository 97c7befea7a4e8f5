"""Fewer and narrower rows: a lead in one column as it came, one row a conversion, one table of keys, no index that nobody
reads.

Leads that are converted keep their versions only: what was published of them stands with their opportunity. The tables
are written anew, so services stand still meanwhile.
"""

from alembic import op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_UP = (
    # `routed` is the data of lead.routed in its newest parts (UTF-8), of a lead that was not converted.
    """
    CREATE TABLE leads_2 (
        lead_id            uuid NOT NULL PRIMARY KEY,
        lead_version       int  NOT NULL,
        score_version      int  NOT NULL,
        assignment_version int  NOT NULL,
        opportunity_id     uuid,
        routed             bytea
    ) WITH (toast_tuple_target = 8128)
    """,
    """
    INSERT INTO leads_2
    SELECT l.lead_id, l.lead_version, l.score_version, l.assignment_version, c.opportunity_id,
           CASE WHEN c.opportunity_id IS NULL THEN convert_to(concat(
               '{"lead":', l.lead, ',"lead_version":', l.lead_version,
               ',"score":', coalesce(l.score, 'null'), ',"score_version":', l.score_version,
               ',"assignment":', coalesce(l.assignment, 'null'), ',"assignment_version":', l.assignment_version,
               ',"origin":', coalesce(l.origin, 'null'), '}'), 'UTF8') END
    FROM leads l LEFT JOIN conversions c USING (conversion_id)
    """,
    "DROP TABLE leads",
    "ALTER TABLE leads_2 RENAME TO leads",
    "ALTER INDEX leads_2_pkey RENAME TO leads_pkey",
    # `event` is the published data of opportunity.converted, so that a redelivery publishes the same bytes; it holds
    # what never changes of the opportunity.
    """
    CREATE TABLE opportunities_2 (
        opportunity_id      uuid        NOT NULL PRIMARY KEY,
        lead_id             uuid        NOT NULL,
        account_id          uuid        NOT NULL,
        contact_id          uuid        NOT NULL,
        stage               text        NOT NULL,
        probability         int         NOT NULL CHECK (probability BETWEEN 0 AND 100),
        amount              numeric     CHECK (amount >= 0),
        currency            text,
        owner               text,
        opportunity_version int         NOT NULL,
        created_at          timestamptz NOT NULL,
        changed_at          timestamptz NOT NULL,
        event               bytea       NOT NULL
    ) WITH (toast_tuple_target = 8128)
    """,
    """
    INSERT INTO opportunities_2
    SELECT o.opportunity_id, o.lead_id, o.account_id, o.contact_id, o.stage, o.probability, o.amount, o.currency,
           o.owner, o.opportunity_version, o.created_at, o.changed_at, convert_to(c.event, 'UTF8')
    FROM opportunities o JOIN conversions c USING (conversion_id)
    """,
    "DROP TABLE opportunities",
    "DROP TABLE conversions",
    "ALTER TABLE opportunities_2 RENAME TO opportunities",
    "ALTER INDEX opportunities_2_pkey RENAME TO opportunities_pkey",
    "CREATE INDEX opportunities_account ON opportunities (account_id)",
    "CREATE INDEX opportunities_page ON opportunities (created_at, opportunity_id)",
    # A key belongs to one party: an account's domain:, name: or person:, a contact's email: or phone:.
    """
    CREATE TABLE party_keys (
        key      text COLLATE "C" NOT NULL PRIMARY KEY,
        party_id uuid             NOT NULL
    )
    """,
    """
    INSERT INTO party_keys
    SELECT kind || ':' || value, party_id FROM account_keys UNION ALL SELECT kind || ':' || value, party_id FROM contact_keys
    """,
    "DROP TABLE account_keys",
    "DROP TABLE contact_keys",
)
_DOWN = (
    """
    CREATE TABLE conversions (
        conversion_id  uuid        NOT NULL PRIMARY KEY,
        lead_id        uuid        NOT NULL UNIQUE,
        account_id     uuid        NOT NULL,
        contact_id     uuid        NOT NULL,
        opportunity_id uuid        NOT NULL,
        converted_at   timestamptz NOT NULL,
        trigger        text        NOT NULL,
        event_id       uuid        NOT NULL,
        event          text        NOT NULL
    ) WITH (toast_tuple_target = 8128)
    """,
    """
    INSERT INTO conversions
    SELECT (said ->> 'conversion_id')::uuid, lead_id, account_id, contact_id, opportunity_id, created_at,
           said -> 'reason' ->> 'trigger', (said ->> 'event_id')::uuid, convert_from(event, 'UTF8')
    FROM opportunities, LATERAL (SELECT convert_from(event, 'UTF8')::json AS said) AS s
    """,
    """
    ALTER TABLE opportunities
        ADD COLUMN conversion_id uuid, ADD COLUMN name text, ADD COLUMN queue text, ADD COLUMN source text,
        ADD COLUMN campaign text, ADD COLUMN lines text
    """,
    """
    UPDATE opportunities o
    SET conversion_id = c.conversion_id, name = said ->> 'name', queue = said ->> 'queue', source = said ->> 'source',
        campaign = said ->> 'campaign', lines = said ->> 'lines'
    FROM conversions c, LATERAL (SELECT c.event::json AS said) AS s
    WHERE c.opportunity_id = o.opportunity_id
    """,
    """
    ALTER TABLE opportunities
        ALTER COLUMN conversion_id SET NOT NULL, ALTER COLUMN name SET NOT NULL, ALTER COLUMN lines SET NOT NULL,
        DROP COLUMN event
    """,
    "ALTER TABLE leads RENAME TO leads_2",
    "ALTER INDEX leads_pkey RENAME TO leads_2_pkey",
    """
    CREATE TABLE leads (
        lead_id            uuid        NOT NULL PRIMARY KEY,
        lead_version       int         NOT NULL,
        lead               text        NOT NULL,
        score_version      int         NOT NULL,
        score              text,
        assignment_version int         NOT NULL,
        assignment         text,
        origin             text,
        conversion_id      uuid,
        updated_at         timestamptz NOT NULL
    ) WITH (toast_tuple_target = 8128, fillfactor = 85)
    """,
    # Of a converted lead: as it was at its conversion.
    """
    INSERT INTO leads
    SELECT l.lead_id, l.lead_version, coalesce(kept ->> 'lead', said ->> 'lead_snapshot'),
           l.score_version, coalesce(kept ->> 'score', said ->> 'score'),
           l.assignment_version, kept ->> 'assignment', coalesce(kept ->> 'origin', said ->> 'origin'),
           c.conversion_id, now()
    FROM leads_2 l LEFT JOIN conversions c USING (opportunity_id),
         LATERAL (SELECT convert_from(l.routed, 'UTF8')::json AS kept, c.event::json AS said) AS s
    """,
    "DROP TABLE leads_2",
    "CREATE TABLE account_keys (kind text NOT NULL, value text NOT NULL, party_id uuid NOT NULL, PRIMARY KEY (kind, value))",
    "CREATE TABLE contact_keys (kind text NOT NULL, value text NOT NULL, party_id uuid NOT NULL, PRIMARY KEY (kind, value))",
    """
    INSERT INTO account_keys
    SELECT split_part(key, ':', 1), substr(key, strpos(key, ':') + 1), party_id
    FROM party_keys WHERE NOT (key LIKE 'email:%' OR key LIKE 'phone:%')
    """,
    """
    INSERT INTO contact_keys
    SELECT split_part(key, ':', 1), substr(key, strpos(key, ':') + 1), party_id
    FROM party_keys WHERE key LIKE 'email:%' OR key LIKE 'phone:%'
    """,
    "DROP TABLE party_keys",
    "CREATE INDEX account_keys_party ON account_keys (party_id)",
    "CREATE INDEX contact_keys_party ON contact_keys (party_id)",
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(text(statement.replace(":", "\\:")))


def downgrade() -> None:
    for statement in _DOWN:
        op.execute(text(statement.replace(":", "\\:")))
