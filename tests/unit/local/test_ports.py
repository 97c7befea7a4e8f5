"""Ports are free when chosen, the same again while they are, and never given twice."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.errors import StackError
from deploy.local.ports import HIGHEST, LOOPBACK, LOWEST, PortBook, choose_port, is_free, listens


@pytest.fixture
def occupied() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_not_free(occupied: int) -> None:
    assert not is_free(occupied)


def test_a_port_of_a_server_that_just_ended_is_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection((LOOPBACK, port))
        accepted, _ = server.accept()
        accepted.close()
        client.close()
    assert is_free(port)


def test_the_book_gives_the_same_port_again(tmp_path: Path) -> None:
    port = PortBook(tmp_path / "ports.json").take("kafka")
    assert LOWEST <= port <= HIGHEST
    assert PortBook(tmp_path / "ports.json").take("kafka") == port


def test_an_occupied_port_is_replaced_and_the_new_one_kept(tmp_path: Path, occupied: int) -> None:
    (tmp_path / "ports.json").write_text(f'{{"kafka": {occupied}}}')
    port = PortBook(tmp_path / "ports.json").take("kafka")
    assert port != occupied
    assert PortBook(tmp_path / "ports.json").known() == {"kafka": port}


def test_two_names_never_share_a_port(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    assert len({book.take(f"server-{number}") for number in range(40)}) == 40


def test_a_damaged_book_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{half")
    assert PortBook(tmp_path / "ports.json").take("kafka") >= LOWEST


def test_when_nothing_is_free_it_says_so() -> None:
    with pytest.raises(StackError, match="no free port"):
        choose_port([], free=lambda port: False)


def test_whose_port_it_is_can_be_told(occupied: int) -> None:
    import os

    assert listens(os.getpid(), occupied)
    assert not listens(os.getppid(), occupied + 1)
    assert not listens(2**22 + 1, occupied)
