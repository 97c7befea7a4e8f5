"""Plans: what a dry run has shown, so that exactly this can be imported, and nothing else under its name."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from services.capture.importing.refusal import FileRefused
from services.capture.importing.suggesting import MappingFile
from services.capture.importing.table import ReadingOptions

_SHORTEST: Final = 6


@dataclass(frozen=True, slots=True)
class Plan:
    """One file, one source, one mapping, one way to read it. The same four have the same id. `label` is what the mapping
    does to the file's columns: where that has changed since, the plan is refused."""

    file: str
    digest: str
    source: str
    mapping: MappingFile
    label: str
    options: ReadingOptions

    @property
    def import_key(self) -> str:
        """What a row's id depends on beside the file's bytes: another mapping makes other leads of the same row."""
        content = {"mapping": self.label, "options": asdict(self.options)}
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]

    @property
    def plan_id(self) -> str:
        """The plan's id."""
        return hashlib.sha256(f"{self.digest}\0{self.source}\0{self.import_key}".encode()).hexdigest()[:12]

    @property
    def file_id(self) -> str:
        """The beginning of every row's id."""
        return f"{self.digest}/{self.import_key}"


class PlanFolder:
    """The plans of an installation."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, plan: Plan) -> None:
        """Store a plan under its id."""
        self._folder.mkdir(parents=True, exist_ok=True)
        content = {**asdict(plan), "mapping": plan.mapping.model_dump(mode="json")}
        path = self._folder / f"{plan.plan_id}.json"
        fresh = path.with_suffix(f".{os.getpid()}.new")
        fresh.write_text(json.dumps(content))
        os.replace(fresh, path)

    def read(self, plan_id: str) -> Plan:
        """A plan by its id or the beginning of it. Raises FileRefused."""
        found = list(self._folder.glob(f"{plan_id}*.json")) if len(plan_id) >= _SHORTEST and plan_id.isalnum() else []
        if len(found) != 1:
            raise FileRefused("there is no such plan here: a dry run makes one and names it")
        content: dict[str, Any] = json.loads(found[0].read_text())
        mapping, options = MappingFile.model_validate(content.pop("mapping")), ReadingOptions(**content.pop("options"))
        plan = Plan(mapping=mapping, options=options, **content)
        if plan.plan_id != found[0].stem:
            raise FileRefused("the plan was changed after it was made")
        return plan
