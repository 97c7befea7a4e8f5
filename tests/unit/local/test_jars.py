"""Kafka's jars are those of the lock, byte for byte, or the stack does not start."""

import hashlib
import re
from pathlib import Path

import pytest
from jgo.env import LockedDependency, LockFile
from jgo.maven import MavenContext

from deploy.local import jars
from deploy.local.errors import MissingPart

GOOD = b"the jar that was locked"
ROW = LockedDependency("org.example", "thing", "1.0", sha256=hashlib.sha256(GOOD).hexdigest())


def plant(repository: Path, content: bytes) -> Path:
    jar = repository / "org" / "example" / "thing" / "1.0" / "thing-1.0.jar"
    jar.parent.mkdir(parents=True)
    jar.write_bytes(content)
    return jar


def maven(cache: Path, *stores: Path) -> MavenContext:
    return MavenContext(repo_cache=cache, local_repos=list(stores), remote_repos={})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "jars"
    place.mkdir()
    return place


def test_the_lock_names_kafka_and_a_checksum_for_every_jar_and_no_address() -> None:
    rows = LockFile.load(jars.LOCK).dependencies
    assert jars.kafka_version() == "4.3.1"
    assert all(re.fullmatch(r"[0-9a-f]{64}", row.sha256 or "") for row in rows)
    assert not re.search(r"https?:|/(?:home|root|tmp)/", jars.LOCK.read_text() + jars.SPEC.read_text())


def test_all_of_kafkas_jars_are_of_one_version() -> None:
    rows = [row for row in LockFile.load(jars.LOCK).dependencies if row.groupId == "org.apache.kafka"]
    assert {row.version for row in rows} == {"4.3.1"}


def test_a_jar_that_is_as_locked_is_taken(tmp_path: Path, place: Path) -> None:
    plant(tmp_path / "cache", GOOD)
    jars._place(maven(tmp_path / "cache"), ROW, place)
    assert (place / "thing-1.0.jar").read_bytes() == GOOD


def test_half_a_jar_in_the_cache_is_thrown_away_and_fetched_again(tmp_path: Path, place: Path) -> None:
    half = plant(tmp_path / "cache", GOOD[:5])
    plant(tmp_path / "store", GOOD)
    jars._place(maven(tmp_path / "cache", tmp_path / "store"), ROW, place)
    assert (place / "thing-1.0.jar").read_bytes() == GOOD
    assert not half.exists()


def test_another_jar_under_the_same_name_is_refused(tmp_path: Path, place: Path) -> None:
    plant(tmp_path / "cache", b"other")
    plant(tmp_path / "store", b"other still")
    with pytest.raises(MissingPart, match="not the file that was locked"):
        jars._place(maven(tmp_path / "cache", tmp_path / "store"), ROW, place)
    assert list(place.iterdir()) == []


def test_a_jar_that_cannot_be_had_is_named(tmp_path: Path, place: Path) -> None:
    with pytest.raises(MissingPart, match=r"cannot fetch org\.example:thing:1\.0"):
        jars._place(maven(tmp_path / "cache"), ROW, place)
