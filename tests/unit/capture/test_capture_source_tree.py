"""A vocabulary of one's own: beside the built-in one or instead of it, and refused with its place where it is wrong."""

import re

import orjson
import pytest

from services.capture.domain.payload import decode_payload
from services.capture.domain.people import stamp_of_record, submission_facts
from services.capture.domain.reading import Reading, read_documents
from services.capture.domain.source_tree import load_source_tree
from services.capture.domain.view import lead_view
from services.capture.domain.vocabulary import BUILT_IN, SourceMatch, Vocabulary
from shared.rules import RuleFileError

FILE = """
kind: sources
version: 3
sources:
  event: [roadshow]
  marketplace: [listing, review]
words:
  Our Roadshow: event/roadshow
  app store: marketplace/listing
  google: marketplace
"""


def lead_of(source: str, vocabulary: Vocabulary) -> dict[str, object]:
    document = decode_payload(orjson.dumps({"email": "ann@example.com", "source": source}))
    (reading,) = read_documents([document], vocabulary=vocabulary)
    assert isinstance(reading, Reading)
    return lead_view(
        submission_facts(reading.clean, stamp_of_record(1, 0, 0, "x" * 13), source="web", touched_at=""), "l"
    )


@pytest.mark.parametrize(("raw", "source", "detail"), [
    ("our ROADSHOW", "event", "roadshow"), ("marketplace", "marketplace", None), ("Marketplace: review", "marketplace", "review"),
    ("google", "marketplace", None), ("trade show", "event", "trade_show"), ("carrier pigeon", "unmapped", None),
])  # fmt: skip
def test_a_file_extends_the_tree_and_its_words_win(raw: str, source: str, detail: str | None) -> None:
    vocabulary = load_source_tree(FILE, file="sources.yaml").vocabulary()
    assert vocabulary.map(raw) == SourceMatch(source, detail)
    lead = lead_of(raw, vocabulary)
    assert (lead["source"], lead["source_detail"], lead["source_raw"]) == (source, detail, raw)
    assert lead["warnings"] == (["source_unmapped"] if source == "unmapped" else [])


def test_without_the_built_in_tree_there_is_only_the_file() -> None:
    text = "kind: sources\nextends_built_in: false\nsources: {shop: [counter]}\nwords: {till: shop/counter}\n"
    vocabulary = load_source_tree(text, file="sources.yaml").vocabulary()
    assert vocabulary.map("till") == SourceMatch("shop", "counter")
    assert vocabulary.map("website") == SourceMatch("unmapped", None)
    assert BUILT_IN.map("website") == SourceMatch("website", None)


@pytest.mark.parametrize(("text", "said"), [
    ("kind: sources\nwords: {fax: telefax/machine}\n", "sources.yaml:2:14 words.fax: expected a source, or source/detail"),
    ("kind: sources\nwords: {fax: phone/machine}\n", "sources.yaml:2:14 words.fax"),
    ("kind: sources\nsources: {unmapped: []}\n", "sources.yaml:2:11 sources.unmapped: expected another name"),
    ("kind: sources\nsources:\n  shop: [A B]\n", "sources.yaml:3:10 sources.shop[0]: expected small letters"),
    ("kind: sources\nsources: [shop]\n", "sources.yaml:2:10 sources"),
    ("kind: sources\nsource: {}\n", "sources.yaml:2:1 source"),
])  # fmt: skip
def test_a_wrong_file_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(RuleFileError, match=re.escape(said)):
        load_source_tree(text, file="sources.yaml")
