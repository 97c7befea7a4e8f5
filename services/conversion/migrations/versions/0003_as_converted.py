"""An opportunity that nobody changed is as its `opportunity.converted` says: its own columns are filled with its first
change. Times of parties are the database's own."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_UP = (
    """
    ALTER TABLE opportunities
        ALTER COLUMN stage DROP NOT NULL, ALTER COLUMN probability DROP NOT NULL, ALTER COLUMN changed_at DROP NOT NULL,
        ALTER COLUMN opportunity_version SET DEFAULT 1, ALTER COLUMN created_at SET DEFAULT now()
    """,
    "ALTER TABLE accounts ALTER COLUMN created_at SET DEFAULT now(), ALTER COLUMN updated_at SET DEFAULT now()",
    "ALTER TABLE contacts ALTER COLUMN created_at SET DEFAULT now(), ALTER COLUMN updated_at SET DEFAULT now()",
)
_DOWN = (
    """
    UPDATE opportunities
    SET stage = said ->> 'stage', probability = (said ->> 'probability')::int, amount = (said ->> 'amount')::numeric,
        currency = said ->> 'currency', owner = said ->> 'owner', changed_at = (said ->> 'converted_at')::timestamptz
    FROM (SELECT opportunity_id, convert_from(event, 'UTF8')::json AS said FROM opportunities) AS s
    WHERE s.opportunity_id = opportunities.opportunity_id AND opportunity_version = 1
    """,
    """
    ALTER TABLE opportunities
        ALTER COLUMN stage SET NOT NULL, ALTER COLUMN probability SET NOT NULL, ALTER COLUMN changed_at SET NOT NULL,
        ALTER COLUMN opportunity_version DROP DEFAULT, ALTER COLUMN created_at DROP DEFAULT
    """,
    "ALTER TABLE accounts ALTER COLUMN created_at DROP DEFAULT, ALTER COLUMN updated_at DROP DEFAULT",
    "ALTER TABLE contacts ALTER COLUMN created_at DROP DEFAULT, ALTER COLUMN updated_at DROP DEFAULT",
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in _DOWN:
        op.execute(statement)
