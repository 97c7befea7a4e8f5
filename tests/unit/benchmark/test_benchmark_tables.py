"""What a reader of the benchmark sees: medians, ratios, failures; and what is left out, with the reason."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmark import contenders, environments, report
from tests.benchmark.checking import check_forwarded
from tests.benchmark.contenders import QUIX
from tests.benchmark.crm.comparing import OURS, THEIRS, Comparison, CrmRun
from tests.benchmark.crm.http import Client, Unanswered, until_answered
from tests.benchmark.crm.kills import Killed
from tests.benchmark.environments import NotAvailable
from tests.benchmark.hop import HopResult, Run
from tests.benchmark.importing import write_rows
from tests.benchmark.latency import Seen
from tests.benchmark.pacing import Sent
from tests.benchmark.seeding import COUNTS, FIXED, GROWS
from tests.support.stack import Servers


def run(variant: str, cpu_us: float, *faults: str) -> Run:
    return Run(variant, 100, 1000.0, cpu_us, 1.0, 1.0, 10.0, faults, True, True)


def test_ratios_are_of_medians_and_failures_stand_out() -> None:
    runs = (
        run("ours", 9.0),
        run("ours", 10.0),
        run("ours", 99.0),
        run(report.REFERENCE, 500.0),
        run(QUIX, 30.0, "3 lost"),
    )
    found = HopResult(100, 3, runs, ("left", "out"), {r.variant: "a promise" for r in runs})
    rows = {line.split("|")[1].strip(): line for line in report.hop_table(found).splitlines() if line.startswith("|")}
    assert "| 10.0 (9.0-99.0) | 50.0 | 3.0 |" in rows["ours"]
    assert "**FAILED**: 3 lost" in rows[QUIX] and not found.right


def test_a_comparison_fails_by_ours_alone() -> None:
    theirs = CrmRun(THEIRS, 1, 10, 10.0, 900.0, 100.0, ("slow",))
    ours = CrmRun(OURS, 1, 1000, 10.0, 8.0, 2.0, ())
    killed = (Killed(THEIRS, 240, 4, 3, 2, 1), Killed(OURS, 240, 4, 0, 0, 0))
    found = Comparison((theirs, theirs, ours, ours), killed)
    assert "One by one: 100 times the leads a second, 100 times" in report.crm_table(found)
    assert not found.right
    assert Comparison((ours, ours), killed).right
    assert not Comparison((ours, ours), (killed[0], Killed(OURS, 240, 4, 0, 0, 1))).right


class Record:
    def __init__(self, value: bytes, partition: int = 0) -> None:
        self.value, self.key, self.partition = value, b"k", partition


def test_bytes_that_are_forwarded_are_compared_as_they_are() -> None:
    sources = [Record(b"a"), Record(b"b")]
    assert check_forwarded(sources, sources).faults == ()
    assert check_forwarded(sources, [sources[0], sources[0]]).faults == ("1 lost", "1 duplicated or unknown")
    assert not check_forwarded(sources, [Record(b"a", 3), sources[1]]).partitions_kept


def test_peers_without_their_environment_are_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Path:
        raise NotAvailable("no registry")

    monkeypatch.setattr(contenders, "interpreter", missing)
    found, left_out = contenders.contenders()
    assert not [c for c in found if "Quix" in c.name]
    assert f"{QUIX} is left out: no registry" in left_out
    assert contenders.contenders("FastStream, batch")[1] == []


def test_an_environment_that_cannot_be_made_is_not_available(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environments, "_FOLDER", tmp_path)
    monkeypatch.setattr(environments, "sys", type("s", (), {"executable": "/no/such/python", "version": "0"}))
    with pytest.raises(NotAvailable):
        environments.interpreter("bench")


async def test_latency_counts_from_when_a_lead_was_due_and_leaves_joined_ones_out() -> None:
    seen = Seen(Servers("", "", "", "none"), 1)
    sent = Sent(100.0, 10.0, {(0, 5): 1, (0, 6): 2, (0, 7): 3})

    def captured(lead: str, offset: int, outcome: str = "new") -> bytes:
        text = '{"outcome":"%s","lead":{"lead_id":"%s"},"origin":{"inbound":{"partition":0,"offset":%d}}}'
        return (text % (outcome, lead, offset)).encode()

    seen.found["captured"] = [(100.3, captured("a", 5)), (100.9, captured("b", 6)), (101.0, captured("b", 7, "merged"))]
    seen.found["routed"] = [(100.4, b'{"lead":{"lead_id":"a"}}'), (100.5, b'{"lead":{"lead_id":"a"}}')]
    found = seen.spreads(sent, 0)
    assert found["captured"].count == 1 and found["captured"].p50 == pytest.approx(200)
    assert found["routed"].count == 1 and found["routed"].p99 == pytest.approx(300)
    assert found["captured to routed"].p50 == pytest.approx(100)
    assert found["converted"].count == 0
    assert seen.spreads(sent, 2)["captured"].count == 0
    await seen.stop()


def test_no_table_is_declared_twice() -> None:
    assert not set(GROWS) & set(COUNTS)
    assert not {table.partition(".")[2] for table in (*GROWS, *COUNTS)} & FIXED


def test_a_file_to_import_has_a_row_a_lead(tmp_path: Path) -> None:
    write_rows(tmp_path / "leads.csv", 30)
    lines = (tmp_path / "leads.csv").read_text().splitlines()
    assert len(lines) == 31 and lines[0].startswith("external_id,email")
    assert sum("company" in line for line in lines[1:]) > 10


class _Fickle(http.server.BaseHTTPRequestHandler):
    answers: Iterator[int]

    def do_POST(self) -> None:
        status = next(self.answers)
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_a_client_tries_again_until_it_is_answered_and_says_what_is_refused() -> None:
    _Fickle.answers = iter((503, 500, 202, 422))
    with http.server.HTTPServer(("127.0.0.1", 0), _Fickle) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = Client(f"http://127.0.0.1:{server.server_port}", {})
        assert until_answered(lambda: client.post("/", b"{}")) == {}
        with pytest.raises(ValueError, match="422"):
            client.post("/", b"{}")
        client.close()
        server.shutdown()
    with pytest.raises(Unanswered):
        client.post("/", b"{}")
