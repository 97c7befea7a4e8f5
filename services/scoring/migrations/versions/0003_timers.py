"""The chassis' timers: a generation for every setting."""

from alembic import op

from shared.persistence.chassis_tables import chassis_tables_v2, drop_chassis_tables_v2

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in chassis_tables_v2():
        op.execute(statement)


def downgrade() -> None:
    for statement in drop_chassis_tables_v2():
        op.execute(statement)
