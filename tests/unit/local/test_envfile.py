"""`.leadstream/env` keeps what is written into it, in one step, for its owner alone."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.envfile import load_env, read_env, update_env, url_variable, write_env

names = st.from_regex(r"LEADSTREAM_[A-Z_]{1,20}", fullmatch=True)
values = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=60)


@given(written=st.dictionaries(names, values, max_size=8))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, written: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("env") / "env"
    write_env(path, written)
    assert read_env(path) == written


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    write_env(tmp_path / "env", {"LEADSTREAM_ADMIN_KEY": "x"})
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600


@pytest.mark.parametrize(("key", "value"), [("A", "two\nlines"), ("A", "two\rlines"), ("A B", "x"), ("A=B", "x")])
def test_what_would_not_be_one_line_is_refused(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(ValueError):
        write_env(tmp_path / "env", {key: value})
    assert not (tmp_path / "env").exists()


def test_an_update_keeps_the_rest(tmp_path: Path) -> None:
    write_env(tmp_path / "env", {"A": "1", "B": "2"})
    assert update_env(tmp_path / "env", {"B": "3", "C": "4"}) == {"A": "1", "B": "3", "C": "4"}
    assert read_env(tmp_path / "env") == {"A": "1", "B": "3", "C": "4"}


def test_comments_and_blank_lines_are_skipped_and_a_value_may_hold_an_equals_sign(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# A=1\n\nB=postgresql://u:p@h/d?x=y\n")
    assert read_env(tmp_path / "env") == {"B": "postgresql://u:p@h/d?x=y"}


def test_a_missing_file_says_nothing(tmp_path: Path) -> None:
    assert read_env(tmp_path / "none") == {}


def test_the_environment_wins(tmp_path: Path) -> None:
    write_env(tmp_path / "env", {"A": "file", "B": "file"})
    environ = {"A": "given"}
    load_env(tmp_path / "env", environ)
    assert environ == {"A": "given", "B": "file"}


def test_addresses_have_the_names_of_the_interface() -> None:
    assert url_variable("capture") == "LEADSTREAM_CAPTURE_URL"
