"""The validation rules that are active."""

from services.capture.domain.validation import KIND, NO_RULES, Validation, compile_validation, load_validation
from shared.handling.work import Work
from shared.persistence.rule_versions import ActiveRules, NoActiveRules, RuleVersion


def _compile(stored: RuleVersion) -> Validation:
    loaded = load_validation(stored.document, f"{KIND} version {stored.version}")
    used = {"kind": KIND, "name": stored.name, "version": stored.version, "content_hash": stored.content_hash}
    return compile_validation(loaded.model, used)


class PostgresValidationBook:
    """See ports.ValidationBook; the compiled copy is kept while its version is the active one."""

    def __init__(self) -> None:
        self._active = ActiveRules(KIND, _compile)

    async def read(self, work: Work) -> Validation:
        """See ports.ValidationBook."""
        try:
            return await self._active.read(work)
        except NoActiveRules:
            return NO_RULES
