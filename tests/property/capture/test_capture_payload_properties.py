"""The decoder never raises, finds exactly the duplicate keys, and keeps within its limits."""

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.capture.domain.hygiene import CleanSubmission, read_submission
from services.capture.domain.payload import FORM_TYPE, decode_json
from services.capture.domain.refusal import MALFORMED, Refused

KEYS = st.one_of(st.sampled_from(["a", "b", "email", 'q":', "x:", '":', " "]), st.text(max_size=6))
STRINGS = st.one_of(st.text(max_size=8), st.sampled_from(['":', '": ', '"', ":", '\\":', '{"a":1,"a":2}']))
BLANKS = st.sampled_from(["", " ", "\n", "\t \r"])


def _join(pairs: list[tuple[str, str]], blanks: list[str]) -> str:
    before, after = blanks
    return "{" + ",".join(f"{json.dumps(key)}{before}:{after}{value}" for key, value in pairs) + "}"


WRITTEN = st.recursive(
    STRINGS.map(json.dumps),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]"),
        st.builds(
            _join,
            st.lists(st.tuples(KEYS, inner), max_size=4),
            st.lists(BLANKS, min_size=2, max_size=2),
        ),
    ),
    max_leaves=12,
)
OBJECTS = st.builds(_join, st.lists(st.tuples(KEYS, WRITTEN), max_size=5), st.lists(BLANKS, min_size=2, max_size=2))


def _has_duplicates(text: str) -> bool:
    found = False

    def note(pairs: list[tuple[str, object]]) -> None:
        nonlocal found
        found = found or len(dict(pairs)) != len(pairs)

    json.loads(text, object_pairs_hook=note)
    return found


@given(OBJECTS)
@example('{"a" :1, "a":2}')
@example('{"a":": b", "\\u0061": 1}')
@example('{"extra": {"a": 1, "a": 2}}')
@settings(max_examples=800)
def test_duplicate_keys_are_found_and_nothing_else_is(text: str) -> None:
    found = decode_json(text.encode("utf-8", "surrogatepass"))
    if isinstance(found, Refused) and found.code in ("invalid_characters", "invalid_json"):
        return
    assert (isinstance(found, Refused) and found.code == "duplicate_keys") == _has_duplicates(text)


@given(st.one_of(st.binary(max_size=200), OBJECTS.map(lambda text: text.encode("utf-8", "surrogatepass"))))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"a":1e400}')
@example(b'{"email":"\xed\xa0\x80"}')
@settings(max_examples=500, deadline=None)
def test_no_bytes_raise(raw: bytes) -> None:
    for content_type in ("application/json", FORM_TYPE, ""):
        found = read_submission(raw, content_type)
        assert isinstance(found, CleanSubmission | Refused)
        if isinstance(found, Refused):
            assert found.detail


JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=9),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "email",
        "emails",
        "phone",
        "phones",
        "company",
        "address",
        "touch",
        "consent",
        "extra",
        "budget",
        "name",
        "source",
        "products",
        "external_id",
        "id",
        "score",
        "owner_id",
        "status",
        "tenant_id",
        "at",
        "employees",
        "country",
    ]
)


@given(st.dictionaries(FIELDS, st.one_of(JSON_VALUES, st.dictionaries(FIELDS, JSON_VALUES, max_size=3)), max_size=8))
@settings(max_examples=600)
def test_no_object_raises_and_refusals_of_content_are_not_malformed(document: dict[str, object]) -> None:
    found = read_submission(json.dumps(document).encode())
    assert isinstance(found, CleanSubmission) or found.code not in MALFORMED
