"""F30: rule files broken in every way, published under load between good ones: refused as a whole, and the live version goes on."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from services.scoring.seed import DEFAULT_MODEL
from shared.contracts.topics import SCORED
from tests.chaos.asking import ask, command
from tests.chaos.fault import Fault, World
from tests.chaos.raw import ends_of, records_from

# A reason that nearly every lead's score quotes: it says by which document the score was really made.
_QUOTED = "A country that we sell to"
_EDITION = re.compile(rf"{_QUOTED}, edition (\d+)")
_PATH = "/v1/rules/scoring"


def broken_documents(good: str) -> dict[str, str]:
    """Documents that no service may ever apply, by what is wrong with them."""
    return {
        "blank": " \n",
        "cut off in a line": good[: good.index("points:") + 4],
        "cut off in a list": good[: good.rindex("in: [US") + 8],
        "unknown field": good.replace("field: title,", "field: titel,", 1),
        "unknown operator": good.replace("gte: 1000", "atleast: 1000", 1),
        "unknown key": good.replace("temperature:", "temperatures:", 1),
        "a key twice": good.replace("temperature:", "limits: {}\ntemperature:", 1),
        "an id twice": good.replace("id: phone", "id: message", 1),
        "a group without limits": good.replace("group: reach", "group: range", 1),
        "bands the wrong way": good.replace("A: 75, B: 50", "A: 50, B: 75", 1),
        "no number": good.replace("points: 12", "points: .nan", 1),
        "a tab": good.replace("  - id: phone", "\t- id: phone", 1),
        "code": good.replace("name: b2b", "name: !!python/object/apply:os.system [id]", 1),
        "a bomb": "a: &a [x, x]\nb: &b [*a, *a]\nkind: scoring\nrules: [*b, *b]\n",
        "no rules at all": "kind: scoring\n",
        "rules of another kind": "kind: gate\nmin_score: 1\n",
    }


def edition(text: str, number: int) -> str:
    """The document as its n-th edition: the same points, another reason."""
    return text.replace(_QUOTED, f"{_QUOTED}, edition {number}")


class BrokenRules(Fault):
    name: ClassVar = "F30"
    title: ClassVar = "rule files broken in every way, published between good ones"
    promise: ClassVar = "P8"
    short: ClassVar = 3
    full: ClassVar = 20

    def must(self, amount: float) -> Mapping[str, float]:
        broken = len(broken_documents(DEFAULT_MODEL.read_text(encoding="utf-8")))
        refusals = broken * amount
        return {
            "refused": refusals,
            "log rules_reload_failed": refusals,
            "editions live": 2 * amount,
            "scores looked at": 100,
        }

    async def inject(self, world: World, amount: float) -> None:
        good = DEFAULT_MODEL.read_text(encoding="utf-8")
        starts = await ends_of(world.servers, SCORED)
        failed_before = await _failed(world)
        editions: dict[int, int] = {}
        for round_ in range(int(amount)):
            await self._refused(world, good)
            await self._two_at_once(world, good, editions, 2 * round_)
            await world.wait(1.0)
        failed = await _failed(world) - failed_before
        world.require(failed >= world.counts["refused"], f"rules_reload_failed_total rose by {failed} only")
        for record in await records_from(world.servers, starts):
            if dict(record.headers)["ce_type"] == b"lead.scored":
                self._look_at(world, orjson.loads(record.value)["score"], editions)

    async def _refused(self, world: World, good: str) -> None:
        """Each broken document is refused with line and column, and the version that was live is live."""
        live = await _live(world)
        documents = list(broken_documents(good).items())
        world.rng.shuffle(documents)
        await asyncio.gather(*(self._refuses(world, what, document) for what, document in documents))
        now = await _live(world)
        world.require(now == live, "a broken document changed what is live")

    async def _refuses(self, world: World, what: str, document: str) -> None:
        said = await command(world, "scoring", _PATH, _publication(document, what))
        world.require(said.get("status") == "refused", f"{what}: it was not refused")
        world.require(said.get("reason") == "invalid_rules", f"{what}: refused as {said.get('reason')}")
        detail = str((said.get("result") or {}).get("detail", ""))
        world.require(re.search(r"scoring\.yaml:\d+:\d+", detail) is not None, f"{what}: no line and column told")
        world.count("refused")

    async def _two_at_once(self, world: World, good: str, editions: dict[int, int], number: int) -> None:
        """Two reloads at once: both become versions of their own."""
        numbers = (number, number + 1)
        answers = await asyncio.gather(
            *(command(world, "scoring", _PATH, _publication(edition(good, n), f"edition {n}")) for n in numbers)
        )
        for n, said in zip(numbers, answers, strict=True):
            world.require(said["status"] == "done", f"a good document was {said['status']}")
            editions[said["result"]["version"]] = n
            world.count("editions live")

    def _look_at(self, world: World, score: Mapping[str, Any], editions: Mapping[int, int]) -> None:
        """A score names the version whose rules it quotes."""
        world.count("scores looked at")
        quoted = {int(found[1]) for each in score["contributions"] if (found := _EDITION.search(each["reason"]))}
        version = score["rules"]["version"]
        if quoted:
            world.require(quoted == {editions.get(version)}, f"a score of version {version} quotes editions {quoted}")

    async def recover(self, world: World) -> None:
        """The rules as they were."""
        good = DEFAULT_MODEL.read_text(encoding="utf-8")
        said = await command(world, "scoring", _PATH, _publication(good, "as it was"))
        world.require(said["status"] == "done", "the first rules could not be published again")


def _publication(document: str, reason: str) -> dict[str, str]:
    return {"document": document, "author": "chaos", "reason": reason}


async def _live(world: World) -> tuple[int, str]:
    said = (await ask(world, "scoring", "GET", f"{_PATH}/versions/live")).json()
    return said["version"], said["content_hash"]


async def _failed(world: World) -> float:
    """`rules_reload_failed_total` of scoring as it is now, whatever the reason."""
    text = (await ask(world, "scoring", "GET", "/metrics")).text
    rows = (line for line in text.splitlines() if line.startswith("rules_reload_failed_total{"))
    return sum(float(line.rpartition(" ")[2]) for line in rows)


FAULTS = [BrokenRules()]
