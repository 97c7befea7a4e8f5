"""`rules.publish` of the kind `gate`: the next batch asks the new gate."""

from dataclasses import dataclass
from typing import Any

from services.conversion.domain.gate import KIND, load_gate
from services.conversion.handlers.converting import STAGE
from services.conversion.ports import Gates
from shared.contracts.commands.rules import PublishRules
from shared.contracts.events.scoring import RulesPublished
from shared.contracts.topics import RULES_PUBLISHED
from shared.handling.outcomes import InHand, OutEvent
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.commands import Done, Refused
from shared.persistence.commands import read_completed
from shared.persistence.rule_versions import NewRules, publish_version
from shared.rules import RuleFileError


@dataclass(frozen=True, slots=True)
class PublishGate:
    """Obeys `rules.publish`."""

    gates: Gates

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """Done with the version; refused: unknown_kind, invalid_rules with file, line and what was expected."""
        if item.decision is not None:
            first = await read_completed(work, item.record.subject or item.record.event_id)
            assert first is not None  # stored in the transaction that stored the decision
            return await self._done(first["result"], item.record, item.decision.decided_at, work)
        wanted: PublishRules = item.event
        if wanted.kind != KIND:
            return Refused("unknown_kind", f"Conversion applies rules of the kind {KIND}.")
        try:
            loaded = load_gate(wanted.document, f"{KIND}.yaml")
        except RuleFileError as error:
            return Refused("invalid_rules", str(error))
        new = NewRules(KIND, loaded.model.name, loaded.content_hash, wanted.document, wanted.author, wanted.reason)
        result = {
            "kind": KIND,
            "version": await publish_version(work, new),
            "content_hash": loaded.content_hash,
            "warnings": [str(warning) for warning in loaded.warnings],
        }
        return await self._done(result, item.record, work.instant, work)

    async def _done(self, result: dict[str, Any], record: Record, time: str, work: Work) -> Done:
        stored = await self.gates.version(work, result["version"])
        said = RulesPublished(
            service=STAGE.name,
            kind=stored.kind,
            name=stored.name,
            version=stored.version,
            content_hash=stored.content_hash,
            author=stored.author,
            reason=stored.reason,
            document=stored.document,
            published_at=stored.published_at,
        )
        return Done(result, (_event(said, record, time),))


def _event(said: RulesPublished, record: Record, time: str) -> OutEvent:
    return STAGE.event(
        record,
        RulesPublished.TYPE,
        topic=RULES_PUBLISHED,
        key=f"{said.service}/{said.kind}",
        data=said.__pydantic_serializer__.to_json(said),
        time=time,
    )
