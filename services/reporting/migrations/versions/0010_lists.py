"""Lists of people, bought or gathered: which records came on which, whose first list it was, what it cost."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLES = (
    # As `received`, for the few records that came on a list.
    """
    CREATE TABLE listed (
        topic_id  uuid      NOT NULL,
        partition int       NOT NULL,
        page      bigint    NOT NULL,
        list_name text      NOT NULL,
        vendor    text      NOT NULL,
        bits      bit(2048) NOT NULL,
        PRIMARY KEY (topic_id, partition, page, list_name, vendor)
    ) WITH (fillfactor = 50)
    """,
    # The list that a lead came with first; NULL where a merge that brought one was taken back.
    """
    CREATE TABLE lead_lists (
        lead_id      uuid    NOT NULL PRIMARY KEY,
        lead_version int     NOT NULL,
        list_name    text,
        vendor       text,
        bounced      boolean NOT NULL,
        verified     boolean NOT NULL
    )
    """,
    "CREATE INDEX lead_lists_list ON lead_lists (list_name, vendor) WHERE list_name IS NOT NULL",
    # What a list cost; told several times, the most that was told. An empty currency: none was given.
    """
    CREATE TABLE list_costs (
        list_name text    NOT NULL,
        vendor    text    NOT NULL,
        currency  text    NOT NULL,
        amount    numeric NOT NULL,
        PRIMARY KEY (list_name, vendor, currency)
    )
    """,
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("list_costs", "lead_lists", "listed"):
        op.execute(f"DROP TABLE {table}")
