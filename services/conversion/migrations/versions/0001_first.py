"""Leads as routed, accounts, contacts, opportunities, conversions.

No foreign keys among them: one service writes them, in one transaction, and the checks would cost two fifths of
the database's time. What must be unique is: one conversion a lead, one party a natural key.
"""

from alembic import op

from shared.persistence.chassis_tables import chassis_tables_v1, drop_chassis_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = {
    # The newest parts of each lead, each by its owner's version. Text columns hold JSON that is never queried.
    "leads": """
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
    "accounts": """
        CREATE TABLE accounts (
            account_id uuid        NOT NULL PRIMARY KEY,
            facts      text        NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL
        )
    """,
    # A key belongs to one account: domain, folded name, or (person) the e-mail or phone of somebody without a company.
    "account_keys": """
        CREATE TABLE account_keys (
            kind     text NOT NULL,
            value    text NOT NULL,
            party_id uuid NOT NULL,
            PRIMARY KEY (kind, value)
        )
    """,
    "contacts": """
        CREATE TABLE contacts (
            contact_id uuid        NOT NULL PRIMARY KEY,
            account_id uuid        NOT NULL,
            facts      text        NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL
        )
    """,
    # A key belongs to one contact: e-mail or phone.
    "contact_keys": """
        CREATE TABLE contact_keys (
            kind     text NOT NULL,
            value    text NOT NULL,
            party_id uuid NOT NULL,
            PRIMARY KEY (kind, value)
        )
    """,
    "opportunities": """
        CREATE TABLE opportunities (
            opportunity_id      uuid        NOT NULL PRIMARY KEY,
            conversion_id       uuid        NOT NULL,
            lead_id             uuid        NOT NULL,
            account_id          uuid        NOT NULL,
            contact_id          uuid        NOT NULL,
            name                text        NOT NULL,
            stage               text        NOT NULL,
            probability         int         NOT NULL CHECK (probability BETWEEN 0 AND 100),
            amount              numeric     CHECK (amount >= 0),
            currency            text,
            owner               text,
            queue               text,
            source              text,
            campaign            text,
            lines               text        NOT NULL,
            opportunity_version int         NOT NULL,
            created_at          timestamptz NOT NULL,
            changed_at          timestamptz NOT NULL
        )
    """,
    # `event` is the published data of opportunity.converted, so that a redelivery publishes the same bytes.
    "conversions": """
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
    # What a person has to look at: two converted leads that turned out to be one person.
    "reviews": """
        CREATE TABLE reviews (
            review_id           uuid        NOT NULL PRIMARY KEY,
            kind                text        NOT NULL,
            lead_id             uuid        NOT NULL,
            other_lead_id       uuid        NOT NULL,
            conversion_id       uuid        NOT NULL,
            other_conversion_id uuid        NOT NULL,
            opened_at           timestamptz NOT NULL,
            closed_at           timestamptz
        )
    """,
}
_INDEXES = (
    "CREATE INDEX account_keys_party ON account_keys (party_id)",
    "CREATE INDEX contact_keys_party ON contact_keys (party_id)",
    "CREATE INDEX contacts_account ON contacts (account_id)",
    "CREATE INDEX opportunities_account ON opportunities (account_id)",
    "CREATE INDEX opportunities_page ON opportunities (created_at, opportunity_id)",
)


def upgrade() -> None:
    for statement in (*chassis_tables_v1(), *_TABLES.values(), *_INDEXES):
        op.execute(statement)


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")
    for statement in drop_chassis_tables_v1():
        op.execute(statement)
