"""Rules, the head of a rule document, and its way from text to a checked value with a content hash.

    class ScoringModel(RuleSetHeader):          # ScoringRule extends Rule with its points
        kind: Literal["scoring"]
        rules: tuple[ScoringRule, ...]

    loaded = load_rule_document(text, ScoringModel, file="scoring.yaml", catalogue=catalogue)
    loaded.model, loaded.content_hash, loaded.warnings

The documents themselves, and what their rules may ask about, belong to the services.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from shared.rules.checking import find_faults, find_field_faults, find_warnings
from shared.rules.compiling import CompiledRule, compile_condition
from shared.rules.conditions import ALWAYS, Condition
from shared.rules.fields import FieldCatalogue
from shared.rules.loading import LoadedYaml, load_yaml
from shared.rules.problems import MAX_PROBLEMS, Path, RuleFault, RuleFileError, RuleWarning, render_path
from shared.rules.translating import known_keys, translate_errors
from shared.rules.values import RuleModel, expected

_RULE_ID = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,63}$")


def _require_rule_id(value: Any) -> Any:
    if isinstance(value, str) and not _RULE_ID.fullmatch(value):
        raise expected("1 to 64 small letters, digits, dots, dashes or underscores")
    return value


RuleId = Annotated[str, BeforeValidator(_require_rule_id), Field(pattern=_RULE_ID.pattern)]


class Rule(RuleModel):
    """Base of a rule: extend it with what follows when it holds (points, an owner)."""

    id: RuleId
    """Small letters, digits, dots, dashes; unique in its list. It appears in reasons and metrics."""
    when: Condition = ALWAYS
    """Absent: always."""
    description: Annotated[str, Field(max_length=1000)] | None = None


class RuleSetHeader(RuleModel):
    """Base of a rule document. `kind` is narrowed to a literal by each document."""

    first_match: ClassVar[tuple[str, ...]] = ()
    """Names of the lists of rules in which the first match wins; entries behind a catch-all are warned about there."""

    kind: str
    version: int | Annotated[str, Field(min_length=1, max_length=64)] | None = None
    description: Annotated[str, Field(max_length=1000)] | None = None

    def find_faults(self) -> Iterable[RuleFault]:
        """Checks across the document, overridden by it (overlapping bands, unknown owners)."""
        return ()

    def find_warnings(self) -> Iterable[tuple[Path, str]]:
        """Places and texts of what is allowed and probably not meant, beyond what is looked for in every document."""
        return ()


M = TypeVar("M", bound=RuleSetHeader)
R = TypeVar("R", bound=Rule)


@dataclass(frozen=True, slots=True)
class LoadedRules(Generic[M]):
    """A document that passed every check. `content_hash` is the SHA-256 (hex) of its meaning, not of its layout."""

    model: M
    content_hash: str
    warnings: tuple[RuleWarning, ...]


def load_rule_document(
    text: str | bytes, model: type[M], *, file: str, catalogue: FieldCatalogue | None = None
) -> LoadedRules[M]:
    """Reads, validates and checks a rule document. Raises RuleFileError with every problem of the stage that failed, and
    with the fields that no rule may ask about."""
    loaded = load_yaml(text, file=file)
    document = _validate(loaded, model, catalogue)
    faults = list(islice(chain(find_faults(document, catalogue), document.find_faults()), MAX_PROBLEMS))
    if faults:
        raise RuleFileError(map(loaded.problem, faults))
    return LoadedRules(document, content_hash(document), tuple(_place_warnings(loaded, document)))


def content_hash(document: BaseModel) -> str:
    """SHA-256 (hex) of `canonical_json`; comments, layout, key order and written-out defaults do not change it."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


def canonical_json(document: BaseModel) -> str:
    """Sorted, compact JSON without defaults; `model_validate_json(..., strict=True)` reads it back."""
    data = document.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def json_schema_for(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema (2020-12) that editors use for completion."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}


def compile_rule(rule: R) -> CompiledRule[R]:
    """The rule with its condition compiled."""
    compiled = compile_condition(rule.when)
    return CompiledRule(rule, compiled.holds, compiled.explain)


def compile_rules(rules: Iterable[R]) -> tuple[CompiledRule[R], ...]:
    return tuple(map(compile_rule, rules))


def _validate(loaded: LoadedYaml, model: type[M], catalogue: FieldCatalogue | None) -> M:
    if not isinstance(loaded.data, dict):
        raise RuleFileError([loaded.problem(RuleFault((), "a mapping with kind and rules"))])
    try:
        # By way of JSON because strict validation of Python data would refuse lists where tuples are declared.
        return model.model_validate_json(json.dumps(loaded.data), strict=True)
    except ValidationError as error:
        faults = list(translate_errors(error, loaded, known_keys(json_schema_for(model))))
        told = {fault.path for fault in faults}
        asked = (fault for fault in find_field_faults(loaded.data, catalogue) if fault.path not in told)
        raise RuleFileError(map(loaded.problem, islice(chain(faults, asked), MAX_PROBLEMS))) from None


def _place_warnings(loaded: LoadedYaml, document: RuleSetHeader) -> Iterable[RuleWarning]:
    for path, message in chain(find_warnings(document, document.first_match), document.find_warnings()):
        yield RuleWarning(loaded.file, *loaded.position(path), render_path(path), message)
