"""How long a target may take to respond, and what becomes of those that do not."""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

Action = Literal["expire", "follow_up", "purge"]
ACTIONS: Final[tuple[Action, ...]] = ("expire", "follow_up", "purge")
LONGEST_DAYS: Final = 3650


class ListPolicy(NamedTuple):
    """What is set for a list. `campaign` is that which follows, for `follow_up`."""

    ttl_days: int = 180
    action: Action = "expire"
    campaign: str | None = None

    @property
    def ttl(self) -> timedelta:
        """How long targets of the list stay."""
        return timedelta(days=self.ttl_days)

    def listed_before(self, now: datetime) -> datetime:
        """Targets that were listed until then have had their time."""
        return now - self.ttl


DEFAULT: Final = ListPolicy()
