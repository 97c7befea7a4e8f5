"""Looks that time asks for: found by their moment, not by a timer a lead. What was moved: found by its event."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX segment_leads_look_at ON segment_leads (look_at) WHERE look_at IS NOT NULL")
    op.execute("CREATE INDEX segment_moves_of_event ON segment_moves (event_id)")
    op.execute("ALTER TABLE segment_moves DROP CONSTRAINT segment_moves_pkey")


def downgrade() -> None:
    op.execute(
        "DELETE FROM segment_moves a USING segment_moves b WHERE a.ctid < b.ctid AND a.event_id = b.event_id"
        " AND a.lead_id = b.lead_id AND a.segment = b.segment AND a.entered = b.entered"
    )
    op.execute("ALTER TABLE segment_moves ADD PRIMARY KEY (event_id, lead_id, segment, entered)")
    op.execute("DROP INDEX segment_moves_of_event")
    op.execute("DROP INDEX segment_leads_look_at")
