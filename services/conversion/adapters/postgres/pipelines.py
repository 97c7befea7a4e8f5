"""Pipelines: the one that is active, and those that opportunities began in."""

from collections.abc import Mapping
from typing import Any, Final

from services.conversion.domain.pipeline import KIND, UNNAMED, Pipeline, compile_pipeline, load_pipeline
from shared.handling.work import Work
from shared.persistence.rule_versions import ActiveRules, RuleVersion, UnusableRules, note_reload_failed, read_version
from shared.rules import RuleFileError

_MOST_HELD: Final = 100


def _compile(stored: RuleVersion) -> Pipeline:
    loaded = load_pipeline(stored.document, f"{KIND} version {stored.version}")
    used = {"kind": KIND, "name": stored.name, "version": stored.version, "content_hash": stored.content_hash}
    return compile_pipeline(loaded.model, used)


class PostgresPipelines:
    """Pipelines in Postgres. Published versions never change, so compiled copies are kept."""

    def __init__(self) -> None:
        self._active = ActiveRules(KIND, _compile)
        self._earlier: dict[tuple[int, str], Pipeline] = {}

    async def read(self, work: Work) -> Pipeline:
        """See services.conversion.ports.Pipelines."""
        return await self._active.read(work)

    async def begun_in(self, work: Work, used: Mapping[str, Any] | None) -> Pipeline:
        """See services.conversion.ports.Pipelines."""
        if used is None:
            return UNNAMED
        key = (used["version"], used["content_hash"])
        held = self._earlier.get(key)
        if held is None:
            held = await self._read_earlier(work, used["version"])
            if len(self._earlier) >= _MOST_HELD:
                self._earlier.clear()
            self._earlier[key] = held
        return held

    async def _read_earlier(self, work: Work, version: int) -> Pipeline:
        try:
            return _compile(await read_version(work, KIND, version))
        except RuleFileError as error:
            note_reload_failed(KIND, "unusable", error)
            raise UnusableRules(f"{KIND} version {version}") from error
