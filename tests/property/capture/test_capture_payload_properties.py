"""The decoder never raises, finds exactly the duplicate keys, and keeps within its limits."""

import json
from copy import deepcopy

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.capture.domain import submission
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
@settings(max_examples=500)
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


TEXTS = st.one_of(
    st.text(max_size=9), st.sampled_from(["x" * size for size in (256, 257, 512, 513, 1025, 2049, 20_001)])
)
MONEY = st.sampled_from(["5 USD", "USD 5", "5", "5 EUR 5", "-5", "", 7, -7, 2.5, 1e30, True, None, ["5"]])
OF_A_PART = st.dictionaries(
    st.sampled_from([name for limits in submission._LIMITS_OF_PARTS.values() for name in limits] + ["planet", "at"]),
    st.one_of(TEXTS, MONEY, st.booleans(), st.integers(-1, 10**10 + 1), JSON_VALUES),
    max_size=4,
)
SENT = st.dictionaries(
    st.sampled_from([*submission._LIMITS, "planet"]), st.one_of(TEXTS, MONEY, OF_A_PART, JSON_VALUES), max_size=6
)


@given(SENT)
@example({"company": {"employees": True}})
@example({"company": {"employees": 10_000_000_001}})
@example({"consent": {"marketing_email": 1, "at": {"any": [1]}}})
@example({"budget": "5 USD", "email": 7})
@settings(max_examples=1500)
def test_plain_documents_are_what_the_validator_makes_of_them(document: dict[str, object]) -> None:
    expected = submission.validated(deepcopy(document))
    looked_at = deepcopy(document)
    if submission.is_plain(looked_at, submission._LIMITS):
        assert _written(looked_at) == _written(expected)
    else:
        assert submission.validated(looked_at) == expected


def _written(given: object) -> str:
    """As text, in which 1 and true differ."""
    return json.dumps(given, default=str, sort_keys=True)
