"""Keys, as hashes."""

from datetime import datetime
from typing import Any, Final

from shared.contracts.envelope import rfc3339
from shared.contracts.events.platform import AccessGranted
from shared.handling.work import Work

_SAVE: Final = """
    INSERT INTO keys (key_id, secret_hash, role, source, label, revoked, granted_at, origins)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (key_id) DO UPDATE SET revoked = excluded.revoked
"""


class PostgresKeys:
    """The keys in Postgres."""

    async def read(self, work: Work, key_id: str) -> AccessGranted | None:
        """A key as it is now, locked, or None."""
        rows = await work.fetch("SELECT * FROM keys WHERE key_id = $1 FOR UPDATE", key_id)
        if not rows:
            return None
        return AccessGranted(**{**dict(rows[0]), "granted_at": rfc3339(rows[0]["granted_at"])})

    async def save(self, work: Work, granted: AccessGranted) -> None:
        """Store a key's state; only whether it is revoked ever changes."""
        await work.execute(
            _SAVE, granted.key_id, granted.secret_hash, granted.role, granted.source, granted.label, granted.revoked,
            datetime.fromisoformat(granted.granted_at), granted.origins,
        )  # fmt: skip

    async def listed(self, work: Work) -> list[dict[str, Any]]:
        """Every key, without hashes, newest first."""
        rows = await work.fetch(
            "SELECT key_id, role, source, label, origins, revoked, granted_at FROM keys ORDER BY granted_at DESC, key_id"
        )
        return [{**dict(row), "granted_at": rfc3339(row["granted_at"])} for row in rows]
