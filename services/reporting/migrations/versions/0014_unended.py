"""The chassis' slots: how the last transaction ended, while what it left open is not ended."""

from alembic import op

from shared.persistence.chassis_tables import chassis_tables_v3, drop_chassis_tables_v3

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in chassis_tables_v3():
        op.execute(statement)


def downgrade() -> None:
    for statement in drop_chassis_tables_v3():
        op.execute(statement)
