"""The file of sources: what is refused and where, secrets, picked up as it changes, the last good one kept."""

import os
from pathlib import Path

import pytest

from services.capture.adapters.sources_file import SourcesFile
from shared.rules import RuleFileError
from tests.support.sources import AT, SECRETS, sources_of

GOOD = """kind: sources
version: 7
mappings:
  partner: {version: 1, fields: {person.mail: emails, note: extra}}
sources:
  google-search: {kind: google, secrets: [{env: KEY}]}
  partner-x: {kind: generic, mapping: partner}
"""


def test_a_good_file() -> None:
    sources = sources_of(GOOD)
    assert sources.version.startswith("7:")
    assert sources.by_name["google-search"].secrets_at(AT) == [SECRETS["KEY"].encode()]
    partner = sources.by_name["partner-x"]
    assert partner.mapping is not None and partner.mapping.label.startswith("partner@1:")
    assert SECRETS["KEY"] not in repr(sources)


@pytest.mark.parametrize(
    ("written", "instead", "place", "said"),
    [
        ("{env: KEY}", "{env: MISSING}", "6:49", "an environment variable that is set"),
        ("{env: KEY}", "{}", "6:43", "one of env and file"),
        (", secrets: [{env: KEY}]", "", "6:18", "secrets, without which"),
        ("mapping: partner}", "mapping: other}", "7:39", "the name of a mapping of this file"),
        ("emails", "e-mail", "4:47", "a field of a lead, or extra"),
        ("kind: google,", "kind: gogle,", "6:25", "'google'"),
        ("version: 1,", "version: 0,", "4:22", "at least 1"),
        ("partner-x:", "partner/x:", "7:3", "a name of letters"),
        ("kind: generic", "kind: generic, sercets: []", "7:30", ""),
        ("google-search:", "partner-x:", "7:3", "each key once"),
        ("{env: KEY}", "{env: KEY, not_after: tomorrow}", "6:65", "an instant with a zone"),
        ("kind: generic", "kind: form", "7:14", "form_kind"),
        ("kind: generic", "kind: salesforce", "7:14", "oid"),
        ("kind: generic", "kind: generic, signature: {scheme: hmac}", "7:14", "secrets for its signature"),
        ("version: 7", "version: [", "", "a syntax error"),
    ],
)
def test_a_broken_file_is_refused_by_line_and_column(written: str, instead: str, place: str, said: str) -> None:
    assert written in GOOD
    with pytest.raises(RuleFileError) as caught:
        sources_of(GOOD.replace(written, instead))
    assert str(caught.value).startswith(f"sources.yaml:{place}"), str(caught.value)
    assert said in str(caught.value)


def test_the_file_is_followed_and_the_last_good_one_kept(tmp_path: Path) -> None:
    path, secret = tmp_path / "sources.yaml", tmp_path / "secret"
    file = SourcesFile(path, {"KEY": "k"})
    assert not file.refresh() and not file.usable  # there is none yet
    path.write_text(GOOD)
    assert file.refresh() and file.usable
    good = file.current
    path.write_text(GOOD.replace("google-search", "google/search"))
    assert not file.refresh()
    assert file.current is good and file.usable
    secret.write_text("first\n")
    path.write_text(GOOD.replace("{env: KEY}", "{file: secret}"))
    assert file.refresh()
    assert file.current.by_name["google-search"].secrets_at(AT) == [b"first"]
    settled = file.current
    assert file.refresh() and file.current is settled  # nothing changed, nothing read
    secret.write_text("second")
    os.utime(secret, (1, 1))
    assert file.refresh()
    assert file.current.by_name["google-search"].secrets_at(AT) == [b"second"]


def test_without_a_file_there_are_no_sources() -> None:
    file = SourcesFile(None)
    assert file.refresh() and file.usable and file.current.by_name == {}
