"""What a lead is made of, so that merges can be taken back; blocks to find likes by; pairs for people to decide."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_UPGRADE = (
    # A lead that others were merged into: what came to itself. NULL where that is all of `facts`.
    "ALTER TABLE leads ADD COLUMN own_facts text",
    # A merge draws a line between leads that stay what they were; it need not remember them. `separable` merges were
    # made so; of older ones the identities were moved, and cannot be told apart any more.
    """
    ALTER TABLE merges
        ADD COLUMN separable        boolean NOT NULL DEFAULT false,
        ADD COLUMN evidence         text,
        ADD COLUMN unmerged_at      timestamptz,
        ADD COLUMN unmerged_version int,
        ALTER COLUMN winner_facts DROP NOT NULL,
        ALTER COLUMN moved_links DROP NOT NULL
    """,
    "CREATE INDEX merges_winner ON merges (winner_id) WHERE unmerged_at IS NULL",
    "CREATE INDEX merges_loser ON merges (loser_id)",
    # Where a lead's likes are looked for: digests of domain/blocking.py. Not unique: who enters knows where it is.
    "CREATE TABLE blocks (block bigint NOT NULL, lead_id uuid NOT NULL)",
    "CREATE INDEX blocks_block ON blocks (block)",
    # Two leads that may be one person, the smaller id first. What was decided stays, so that nobody is asked again.
    """
    CREATE TABLE duplicate_pairs (
        pair_id    uuid        NOT NULL PRIMARY KEY,
        lead_id    uuid        NOT NULL,
        other_id   uuid        NOT NULL,
        status     text        NOT NULL CHECK (status IN ('open', 'kept', 'merged')),
        points     int         NOT NULL,
        evidence   text        NOT NULL,
        event_id   uuid        NOT NULL,
        raised_at  timestamptz NOT NULL,
        reason     text,
        decided_at timestamptz,
        CHECK (lead_id < other_id)
    )
    """,
    "CREATE INDEX duplicate_pairs_open ON duplicate_pairs (raised_at, pair_id) WHERE status = 'open'",
    "CREATE INDEX duplicate_pairs_leads ON duplicate_pairs (lead_id, other_id)",
    "CREATE INDEX duplicate_pairs_other ON duplicate_pairs (other_id)",
)
_DOWNGRADE = (
    """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM merges WHERE separable) THEN
            RAISE EXCEPTION 'these merges cannot be told in the older form';
        END IF;
    END $$
    """,
    "DROP TABLE duplicate_pairs",
    "DROP TABLE blocks",
    "DROP INDEX merges_loser",
    "DROP INDEX merges_winner",
    """
    ALTER TABLE merges
        DROP COLUMN separable, DROP COLUMN evidence, DROP COLUMN unmerged_at, DROP COLUMN unmerged_version,
        ALTER COLUMN winner_facts SET NOT NULL, ALTER COLUMN moved_links SET NOT NULL
    """,
    "ALTER TABLE leads DROP COLUMN own_facts",
)


def upgrade() -> None:
    for statement in _UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in _DOWNGRADE:
        op.execute(statement)
