"""Replays of dead letters: who asked, what became of them; and all of a parked record that a replay needs."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE parked ADD COLUMN row_number int, ADD COLUMN replay_of uuid, ADD COLUMN attempt int")
    # Every header as it came, as JSON pairs of name and base64; they may hold anything, so they are personal.
    op.execute("ALTER TABLE parked_values ADD COLUMN headers text")
    op.execute("CREATE INDEX parked_again ON parked (replay_of, parked_at) WHERE replay_of IS NOT NULL")
    op.execute("CREATE INDEX parked_dead ON parked (parked_at DESC, parked_id DESC) WHERE kind = 'dead_letter'")
    op.execute(
        """
        CREATE TABLE replays (
            command_id   uuid        NOT NULL PRIMARY KEY,
            run_id       uuid,
            parked_id    uuid,
            first_id     uuid,
            service      text,
            requested_by text,
            note         text,
            edited       boolean,
            requested_at timestamptz,
            status       text,
            outcome      text,
            reason       text,
            completed_at timestamptz,
            noted_at     timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX replays_of_letter ON replays (first_id)")
    op.execute("CREATE INDEX replays_of_run ON replays (run_id) WHERE run_id IS NOT NULL")
    op.execute("CREATE INDEX replays_by_time ON replays (noted_at)")
    op.execute(
        "CREATE INDEX outcomes_dead ON outcomes (topic_id, partition, \"offset\") WHERE outcome = 'dead_lettered'"
    )


def downgrade() -> None:
    op.execute("DROP INDEX outcomes_dead")
    op.execute("DROP TABLE replays")
    op.execute("DROP INDEX parked_dead")
    op.execute("DROP INDEX parked_again")
    op.execute("ALTER TABLE parked_values DROP COLUMN headers")
    op.execute("ALTER TABLE parked DROP COLUMN row_number, DROP COLUMN replay_of, DROP COLUMN attempt")
