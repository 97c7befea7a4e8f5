"""The use case of `rules.shadow`: a draft begins to run beside the live model, or none does any more."""

from services.scoring.domain.model import KIND, load_scoring_model
from services.scoring.ports import Shadow, ShadowRow
from shared.contracts.commands.rules import ShadowRules
from shared.handling.outcomes import InHand
from shared.handling.work import Work
from shared.messaging.commands import LONGEST_TEXT, Done, Obey, Refused, command_id_of, is_readable
from shared.persistence.commands import read_completed
from shared.rules import RuleFileError


def shadow_rules(row: ShadowRow) -> Obey:
    """Obeys `rules.shadow`. Refused: `unknown_kind`, `invalid_text`, `invalid_rules`, `no_shadow` (nothing to stop)."""

    async def obey(item: InHand, work: Work) -> Done | Refused:
        if item.decision is not None:
            first = await read_completed(work, command_id_of(item.record))
            return Done((first or {}).get("result") or {})
        wanted: ShadowRules = item.event
        if wanted.kind != KIND:
            return Refused("unknown_kind", f"drafts of the kind {KIND} only can run in the shadow")
        if not (is_readable(wanted.author) and is_readable(wanted.reason)):
            return Refused("invalid_text", f"author and reason: 1 to {LONGEST_TEXT} printable characters")
        if wanted.document is None:
            return Done({"running": False}) if await row.stop(work) else Refused("no_shadow", "no draft runs")
        try:
            loaded = load_scoring_model(wanted.document)
        except RuleFileError as error:
            return Refused("invalid_rules", str(error))
        shadow_id, name = item.record.event_id, loaded.model.name
        author, reason = wanted.author.strip(), wanted.reason.strip()
        await row.start(work, Shadow(shadow_id, name, loaded.content_hash, wanted.document, author, reason))
        return Done({"running": True, "name": name, "content_hash": loaded.content_hash})

    return obey
