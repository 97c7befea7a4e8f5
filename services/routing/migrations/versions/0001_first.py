"""The chassis' tables, and routing's: assignments, members, rotations."""

from alembic import op

from shared.persistence.chassis_tables import chassis_tables_v1, drop_chassis_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    # The newest state of each routed lead, and who holds it. JSON as text (`json`): stored, published, never queried.
    """
    CREATE TABLE assignments (
        lead_id            uuid        NOT NULL PRIMARY KEY,
        lead_version       int         NOT NULL,
        lead               text        NOT NULL,
        score_version      int         NOT NULL,
        score              text        NOT NULL,
        origin             text        NOT NULL,
        assignment         text        NOT NULL,
        assignment_version int         NOT NULL,
        owner              text,
        queue              text,
        assigned_at        timestamptz NOT NULL,
        updated_at         timestamptz NOT NULL,
        CONSTRAINT owner_or_queue CHECK ((owner IS NULL) <> (queue IS NULL))
    ) WITH (toast_tuple_target = 8128, fillfactor = 85)
    """,
    "CREATE INDEX assignments_of_queue ON assignments (queue, assigned_at, lead_id) WHERE queue IS NOT NULL",
    """
    CREATE TABLE members (
        member_id  text        NOT NULL PRIMARY KEY,
        name       text        NOT NULL,
        active     boolean     NOT NULL,
        queues     text[]      NOT NULL,
        changed_at timestamptz NOT NULL
    )
    """,
    # Whose turn it was last. Locked for the rest of the batch by whoever moves it, so that shares stay fair.
    """
    CREATE TABLE rotations (
        rotation    text NOT NULL PRIMARY KEY,
        last_member text
    )
    """,
)


def upgrade() -> None:
    for statement in (*chassis_tables_v1(), *_TABLES):
        op.execute(statement)


def downgrade() -> None:
    for table in ("rotations", "members", "assignments"):
        op.execute(f"DROP TABLE {table}")
    for statement in drop_chassis_tables_v1():
        op.execute(statement)
