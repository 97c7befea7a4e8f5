"""The vocabulary of lead sources as a file of one's own: further sources, details and words, or a whole tree instead."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from services.capture.domain.vocabulary import ALIASES, TREE, UNMAPPED, Vocabulary
from shared.rules import RuleFault, RuleSetHeader, Text, expected, load_rule_document

_NAME: Final = r"^[a-z][a-z0-9_]{0,63}$"


def _require_name(value: Any) -> Any:
    if (
        not isinstance(value, str)
        or not value.isascii()
        or not value.replace("_", "a").isalnum()
        or value.lower() != value
    ):
        raise expected("small letters, digits and underscores")
    return value


Name = Annotated[str, BeforeValidator(_require_name), Field(pattern=_NAME)]


class SourceTree(RuleSetHeader):
    """Sources with their details, and what senders call them (`source` or `source/detail`)."""

    kind: Literal["sources"]
    extends_built_in: bool = True
    sources: dict[Name, tuple[Name, ...]] = {}
    words: dict[Text, Text] = {}

    def find_faults(self) -> Iterable[RuleFault]:
        """See RuleSetHeader."""
        if UNMAPPED in self.sources:
            hint = "what no word maps is called so"
            yield RuleFault(("sources", UNMAPPED), "another name", hint, "a reserved one", at_key=True)
        tree = self.tree()
        for word, place in self.words.items():
            source, _, detail = place.partition("/")
            if source not in tree or (detail and detail not in tree[source]):
                yield RuleFault(("words", word), "a source, or source/detail, of the tree", None, "another one")

    def tree(self) -> Mapping[str, tuple[str, ...]]:
        """All sources with their details, each once."""
        return {name: tuple(dict.fromkeys(details)) for name, details in self._sources()}

    def _sources(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        built_in = {name: tuple(details) for name, details in TREE.items()} if self.extends_built_in else {}
        for name in {**built_in, **self.sources}:
            yield name, (*built_in.get(name, ()), *self.sources.get(name, ()))

    def vocabulary(self) -> Vocabulary:
        """The vocabulary that this tree makes."""
        return Vocabulary(self.tree(), {**(ALIASES if self.extends_built_in else {}), **self.words})


def load_source_tree(text: str | bytes, *, file: str) -> SourceTree:
    """The tree of a file. Raises RuleFileError with file, line, column and what was expected."""
    return load_rule_document(text, SourceTree, file=file).model
