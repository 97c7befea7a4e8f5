"""The rules that a preview compares: one version of each kind, as they are live and with the drafts in their place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any, Final

from services.conversion.domain import gate as gates
from services.preview.leads import RuleDocument
from services.routing.domain import rules as assignments
from services.scoring.domain import model as models
from services.scoring.domain.parts import BehaviourRule
from services.scoring.domain.readiness import CONTACTABLE
from services.scoring.domain.scoring import CompiledModel, compile_model
from shared.rules import FieldCondition, LoadedRules, RuleFileError, RuleProblem, fields_asked
from shared.rules.checking import walk
from shared.rules.loading import load_yaml

_LOADERS: Final[Mapping[str, Callable[[str, str], LoadedRules[Any]]]] = {
    models.KIND: models.load_scoring_model,
    assignments.KIND: assignments.load_assignment_rules,
    gates.KIND: gates.load_gate,
}
KINDS: Final = tuple(_LOADERS)
_NOT_OF_LEADS: Final = ("event.", "score.", "assignment.")
_SHIPPED: Final[Mapping[str, tuple[str, str]]] = {
    models.KIND: ("services.scoring", "rules/scoring.yaml"),
    assignments.KIND: ("services.routing", "rules/assignment.yaml"),
    gates.KIND: ("services.conversion", "rules/gate.yaml"),
}


@dataclass(frozen=True, slots=True)
class Book:
    """A checked document and the number it was published under; 0: it is a draft."""

    kind: str
    version: int
    loaded: LoadedRules[Any]

    def told(self) -> dict[str, Any]:
        """As a report names it."""
        return {"version": self.version or None, "content_hash": self.loaded.content_hash}


@dataclass(frozen=True)
class Rules:
    """One book of each kind, compiled where it is asked for."""

    books: Mapping[str, Book]

    @cached_property
    def model(self) -> CompiledModel:
        book = self.books[models.KIND]
        return compile_model(book.loaded, version=book.version)

    @cached_property
    def policy(self) -> assignments.AssignmentPolicy:
        book = self.books[assignments.KIND]
        return assignments.compile_assignment_rules(
            book.loaded.model, version=book.version, content_hash=book.loaded.content_hash
        )

    @cached_property
    def gate(self) -> gates.Gate:
        book = self.books[gates.KIND]
        return gates.compile_gate(book.loaded.model, {"kind": gates.KIND, "version": book.version})

    @property
    def behaviour(self) -> list[BehaviourRule]:
        """Its rules about what leads do, those of personas among them."""
        model: models.ScoringModel = self.books[models.KIND].loaded.model
        return [*model.behaviour, *(rule for persona in model.personas for rule in persona.behaviour or ())]

    @property
    def follows_leads(self) -> bool:
        """Whether scores also go by what leads do, or by when they did it."""
        return bool(self.behaviour) or self.model.may_cool

    @property
    def asked_of_leads(self) -> set[str]:
        """The fields of a lead that any of the rules compares."""
        parts = (part for book in self.books.values() for _, part in walk(book.loaded.model))
        asked = {part.field for part in parts if isinstance(part, FieldCondition)} | fields_asked([CONTACTABLE])
        return {field for field in asked if not field.startswith(_NOT_OF_LEADS)}

    def replaced(self, drafts: Sequence[Book]) -> "Rules":
        """The same with drafts in the place of books of their kinds."""
        return Rules({**self.books, **{draft.kind: draft for draft in drafts}})


def read_drafts(documents: Sequence[Mapping[str, str]]) -> list[Book]:
    """Documents (`name`, `text`) that somebody thinks of publishing. Raises RuleFileError with the problems of all of
    them, also where two are of one kind."""
    problems: list[RuleProblem] = []
    drafts: dict[str, Book] = {}
    for document in documents:
        name = document["name"]
        try:
            draft = _draft(document["text"], name)
        except RuleFileError as error:
            problems += error.problems
            continue
        if draft.kind in drafts:
            problems.append(RuleProblem(name, 1, 1, "kind", "a second one", f"one document of {draft.kind} rules"))
        drafts[draft.kind] = draft
    if problems:
        raise RuleFileError(problems)
    return list(drafts.values())


def _draft(text: str, name: str) -> Book:
    loaded = load_yaml(text, file=name)
    kind = loaded.data.get("kind") if isinstance(loaded.data, dict) else None
    if not isinstance(kind, str) or kind not in _LOADERS:
        line, column = loaded.position(("kind",))
        raise RuleFileError([RuleProblem(name, line, column, "kind", "another one", f"one of {', '.join(KINDS)}")])
    return Book(kind, 0, _LOADERS[kind](text, name))


def read_live(given: Mapping[str, RuleDocument]) -> tuple[Rules, list[str]]:
    """The rules that are live, the shipped ones where none are given or where those of another release cannot be read;
    and what is to be said of that."""
    books, notes = {}, []
    for kind in KINDS:
        document = given.get(kind)
        try:
            books[kind] = _book(kind, document) if document is not None else _shipped(kind)
        except RuleFileError:
            document, books[kind] = None, _shipped(kind)
        if document is None:
            notes.append(f"The live {kind} rules are not known here: the shipped ones stand for them.")
    return Rules(books), notes


def _book(kind: str, document: RuleDocument) -> Book:
    return Book(kind, document.version, _LOADERS[kind](document.text, kind))


def _shipped(kind: str) -> Book:
    package, path = _SHIPPED[kind]
    text = files(package).joinpath(path).read_text(encoding="utf-8")
    return Book(kind, 1, _LOADERS[kind](text, f"{kind}.yaml"))
