"""The chassis' tables, and the leads' scores."""

from alembic import op

from shared.persistence.chassis_tables import chassis_tables_v1, drop_chassis_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# JSON as text that is handed on unread. Rows of up to a page are stored as they are: compressing them by default from
# 2 kB on would cost more than everything else that is done for a lead.
_LEAD_SCORES = """
    CREATE TABLE lead_scores (
        lead_id       uuid        NOT NULL PRIMARY KEY,
        lead_version  int         NOT NULL,
        lead          text        NOT NULL,
        origin        text,
        score         text        NOT NULL,
        score_version int         NOT NULL,
        event_id      uuid        NOT NULL,
        merged_into   uuid,
        updated_at    timestamptz NOT NULL
    ) WITH (toast_tuple_target = 8128)
"""


def upgrade() -> None:
    for statement in (*chassis_tables_v1(), _LEAD_SCORES):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE lead_scores")
    for statement in drop_chassis_tables_v1():
        op.execute(statement)
