"""What people do: which events came and what became of each, as pages; the steps that leads took with materials."""

from typing import Final

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_FATES: Final = ("stitched", "rejected", "repeated", "test", "anonymous", "dead_lettered")

_TABLES: Final = (
    """
    CREATE TABLE observed (
        topic_id    uuid      NOT NULL,
        partition   int       NOT NULL,
        page        bigint    NOT NULL,
        source      text      NOT NULL,
        topic       text      NOT NULL,
        received_on date      NOT NULL,
        bits        bit(2048) NOT NULL,
        PRIMARY KEY (topic_id, partition, page, source, received_on)
    ) WITH (fillfactor = 50)
    """,
    # An event may have several: the first of them, in this order, is the one that counts.
    f"""
    CREATE TABLE fates (
        topic_id  uuid   NOT NULL,
        partition int    NOT NULL,
        page      bigint NOT NULL,
        {", ".join(f"{fate}_bits bit(2048) NOT NULL" for fate in _FATES)},
        PRIMARY KEY (topic_id, partition, page)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE material_steps (
        event_id    uuid        NOT NULL PRIMARY KEY,
        material_id text        NOT NULL,
        lead_id     uuid        NOT NULL,
        step        text        NOT NULL,
        at          timestamptz NOT NULL,
        human       boolean     NOT NULL
    )
    """,
    "CREATE INDEX material_steps_material ON material_steps (material_id, lead_id)",
    "CREATE INDEX material_steps_lead ON material_steps (lead_id)",
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("material_steps", "fates", "observed"):
        op.execute(f"DROP TABLE {table}")
