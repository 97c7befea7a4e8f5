"""How far a group has come: `stored_to` and `published_to` by topic id and partition."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from shared.handling.work import Work
from shared.observability.failpoints import failpoint


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A partition of a topic that cannot be mistaken for its recreated namesake."""

    topic_id: str
    partition: int
    topic: str


@dataclass(frozen=True, slots=True)
class Mark:
    """All below `stored_to` is in the state; all below `published_to` has gone out in a commit that was seen."""

    stored_to: int
    published_to: int


_RAISE: Final = """
    INSERT INTO marks AS m (group_id, topic_id, partition, topic, stored_to, published_to)
    SELECT $1, u.topic_id, u.partition, u.topic, u.stored_to, u.published_to
    FROM unnest($2::uuid[], $3::int[], $4::text[], $5::bigint[], $6::bigint[])
         AS u (topic_id, partition, topic, stored_to, published_to)
    ORDER BY u.topic_id, u.partition
    ON CONFLICT (group_id, topic_id, partition) DO UPDATE
    SET stored_to = GREATEST(m.stored_to, excluded.stored_to),
        published_to = GREATEST(m.published_to, excluded.published_to),
        changed_at = now()
    RETURNING topic_id::text, partition, published_to
"""


async def raise_marks(
    work: Work, group: str, stored: Mapping[Place, int], published: Mapping[Place, int]
) -> dict[tuple[str, int], int]:
    """Raise marks, never lower them; returns `published_to` of each place. Takes the places' row locks in order, so
    that a zombie and the new owner of a partition go one after the other."""
    places = sorted({*stored, *published})
    if not places:
        return {}
    rows = await work.fetch(
        _RAISE,
        group,
        [place.topic_id for place in places],
        [place.partition for place in places],
        [place.topic for place in places],
        [stored.get(place, 0) for place in places],
        [published.get(place, 0) for place in places],
    )
    if stored:
        failpoint("in-store")
    return {(row["topic_id"], row["partition"]): row["published_to"] for row in rows}


async def read_marks(work: Work, group: str, places: Iterable[Place]) -> dict[Place, Mark]:
    """Marks of these places; one that was never raised is absent."""
    wanted = list(places)
    rows = await work.fetch(
        """
        SELECT m.topic_id::text AS topic_id, m.partition, m.stored_to, m.published_to
        FROM marks m JOIN unnest($2::uuid[], $3::int[]) AS u (topic_id, partition) USING (topic_id, partition)
        WHERE m.group_id = $1
        """,
        group,
        [place.topic_id for place in wanted],
        [place.partition for place in wanted],
    )
    found = {(row["topic_id"], row["partition"]): Mark(row["stored_to"], row["published_to"]) for row in rows}
    return {
        place: found[place.topic_id, place.partition] for place in wanted if (place.topic_id, place.partition) in found
    }
