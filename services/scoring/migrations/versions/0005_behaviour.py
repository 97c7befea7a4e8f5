"""What leads do, and when their scores turn by themselves."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# One row for each lead that events were told of, also after it was merged away. `deeds` is JSON of bounded length.
_LEAD_BEHAVIOURS = """
    CREATE TABLE lead_behaviours (
        lead_id    uuid        NOT NULL PRIMARY KEY,
        deeds      text        NOT NULL,
        oldest_at  timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
    ) WITH (toast_tuple_target = 8128)
"""


def upgrade() -> None:
    op.execute(_LEAD_BEHAVIOURS)
    op.execute("CREATE INDEX lead_behaviours_oldest ON lead_behaviours (oldest_at)")
    op.execute(
        "ALTER TABLE lead_scores ADD COLUMN behaves boolean NOT NULL DEFAULT false, ADD COLUMN turns_at timestamptz"
    )
    # Who was merged into whom is asked from the winner's side too.
    op.execute("CREATE INDEX aliases_winner ON aliases (winner_id)")


def downgrade() -> None:
    op.execute("DROP INDEX aliases_winner")
    op.execute("ALTER TABLE lead_scores DROP COLUMN turns_at, DROP COLUMN behaves")
    op.execute("DROP TABLE lead_behaviours")
