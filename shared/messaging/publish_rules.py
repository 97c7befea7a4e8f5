"""`rules.publish`, obeyed alike by every service that applies rules: check, make active, announce."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from shared.contracts.commands.rules import PublishRules
from shared.contracts.envelope import rfc3339
from shared.contracts.events.scoring import RulesPublished
from shared.contracts.topics import RULES_PUBLISHED
from shared.handling.outcomes import InHand, OutEvent, Stage
from shared.handling.work import Work
from shared.messaging.commands import LONGEST_TEXT, Done, Obey, Refused, command_id_of, is_readable
from shared.persistence.commands import read_completed
from shared.persistence.rule_versions import (
    Load,
    NewRules,
    PublishedVersion,
    find_version,
    note_reload_failed,
    publish_version,
    read_version,
)
from shared.rules import LoadedRules, RuleFileError

FindGaps: TypeAlias = Callable[[Any, Work], Awaitable[Sequence[str]]]
"""What a checked document leaves open with the tables of today, as warnings for people."""


def publish_rules(stage: Stage, kind: str, load: Load, find_gaps: FindGaps | None = None) -> Obey:
    """Obeys `rules.publish` of one kind: the version is active from the next batch on.

    Done with version and warnings. Refused, the last good version working on: `unknown_kind`, `invalid_text` (author,
    reason), `superseded`, `invalid_rules` with file, line and what was expected.
    """

    async def obey(item: InHand, work: Work) -> Done | Refused:
        if item.decision is not None:
            return await _again(item, item.decision.decided_at, work)
        wanted: PublishRules = item.event
        if wanted.kind != kind:
            return Refused("unknown_kind", f"{stage.name} applies rules of the kind {kind} only")
        if not (is_readable(wanted.author) and is_readable(wanted.reason)):
            return Refused("invalid_text", f"author and reason: 1 to {LONGEST_TEXT} printable characters")
        if wanted.instead_of is not None and await _live_version(work, kind) != wanted.instead_of:
            return Refused("superseded", "another version has become live since")
        try:
            loaded = load(wanted.document, f"{kind}.yaml")
        except RuleFileError as error:
            note_reload_failed(kind, "invalid_rules", error)
            return Refused("invalid_rules", str(error))
        stored = await read_version(work, kind, await publish_version(work, _new(wanted, loaded)))
        gaps = await find_gaps(loaded.model, work) if find_gaps else ()
        return Done(_result(stored, [*map(str, loaded.warnings), *gaps]), (_announced(item, stored, work.instant),))

    async def _again(item: InHand, decided_at: str, work: Work) -> Done:
        """A redelivery: the first answer, and the version that it named, whatever is active by now."""
        first = await read_completed(work, command_id_of(item.record))
        assert first is not None  # stored in the transaction that stored the decision
        stored = await read_version(work, kind, first["result"]["version"])
        return Done(first["result"], (_announced(item, stored, decided_at),))

    def _announced(item: InHand, stored: PublishedVersion, time: str) -> OutEvent:
        said = RulesPublished(
            service=stage.name,
            kind=stored.kind,
            name=stored.name,
            version=stored.version,
            content_hash=stored.content_hash,
            author=stored.author,
            reason=stored.reason,
            document=stored.document,
            published_at=rfc3339(stored.published_at),
        )
        raw = said.__pydantic_serializer__.to_json(said)
        key = f"{stage.name}/{kind}"
        return stage.event(item.record, RulesPublished.TYPE, topic=RULES_PUBLISHED, key=key, data=raw, time=time)

    return obey


def publish_kinds(stage: Stage, obeyed: Mapping[str, Obey]) -> Obey:
    """Obeys `rules.publish` of each of these kinds, by its own way. Refused: `unknown_kind`."""

    async def obey(item: InHand, work: Work) -> Done | Refused:
        publish = obeyed.get(item.event.kind)
        if publish is None:
            return Refused("unknown_kind", f"{stage.name} applies rules of the kinds {', '.join(sorted(obeyed))} only")
        return await publish(item, work)

    return obey


async def _live_version(work: Work, kind: str) -> int | None:
    live = await find_version(work, kind, None)
    return None if live is None else int(live["version"])


def _new(wanted: PublishRules, loaded: LoadedRules[Any]) -> NewRules:
    author, reason = wanted.author.strip(), wanted.reason.strip()
    return NewRules(wanted.kind, loaded.model.name, loaded.content_hash, wanted.document, author, reason)


def _result(stored: PublishedVersion, warnings: list[str]) -> dict[str, Any]:
    # In the order in which jsonb gives it back, so that a redelivery says the same to the byte.
    return {
        "kind": stored.kind,
        "name": stored.name,
        "version": stored.version,
        "warnings": warnings,
        "content_hash": stored.content_hash,
    }
