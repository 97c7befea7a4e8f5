"""Taking a merge back: a lead that was merged away stands by itself again, with all that was merged into it."""

from collections.abc import Mapping

from services.capture.domain.person import Person, united


def separate(tree: Mapping[str, Person], root_id: str, loser_id: str) -> tuple[Person, Person]:
    """The remaining lead and the separated one. `tree` is the remaining lead with all its members; each member holds what
    came to itself, before the merge and since, so that both are as if the merge had not happened."""
    root, loser = tree[root_id], tree[loser_id]
    apart = {lead_id for lead_id in tree if loser_id in _path(tree, lead_id)}
    version = max(root.version, loser.version) + 1
    for person, members in ((root, tree.keys() - apart), (loser, apart)):
        facts = united([tree[lead_id] for lead_id in sorted(members)])
        person.stand(facts, person.own if len(members) > 1 else None, None, version)
    return root, loser


def _path(tree: Mapping[str, Person], lead_id: str) -> list[str]:
    """The lead and those that it was merged into, one after the other."""
    path = [lead_id]
    while (parent_id := tree[path[-1]].parent_id) is not None:
        path.append(parent_id)
    return path
