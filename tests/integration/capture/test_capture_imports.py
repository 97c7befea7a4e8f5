"""Files on Kafka: imported twice, killed and resumed, two at once, looked at first, and mended."""

import asyncio
import csv
import signal
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from shared.contracts.topics import CAPTURED, INBOUND_BULK
from tests.support.capture import ADMIN_KEY, cli_command, outcomes, run_cli, until
from tests.support.stack import Servers
from tests.support.topics import read_to_end

pytestmark = [pytest.mark.stack, pytest.mark.processes]


async def settled(own: Servers, total: int) -> dict[tuple[str, str | None], int]:
    """The outcomes, once there are so many."""

    async def enough() -> dict[tuple[str, str | None], int] | None:
        found = await outcomes(own)
        return found if sum(found.values()) >= total else None

    found: dict[tuple[str, str | None], int] = await until(enough, f"{total} rows are settled", seconds=60)
    return found


async def test_an_import_twice_changes_nothing_the_second_time(
    own: Servers, capture: httpx.AsyncClient, tmp_path: Path
) -> None:
    rows = [f"p{n}@example.com,Name {n},{n}" for n in range(1500)]
    rows[10], rows[20] = '"p10@example.com,Name 10,10"', "nobody,Name 20,20"
    rows[30] = 'p30@example.com,"Name 30,30'
    file = tmp_path / "leads.csv"
    file.write_text("email,full name,employees\n" + "\n".join(rows) + "\n")
    url = str(capture.base_url)
    first = await run_cli(own, url, tmp_path, "import", str(file), "--source", "fair", "--json")
    assert first.returncode == 0, first.stderr
    report = orjson.loads(first.stdout)
    assert (report["rows"], report["accepted"], report["rejected"]) == (1500, 1497, 3)
    expected = {
        ("new", None): 1497,
        ("rejected", "wrong_field_count"): 1,
        ("rejected", "invalid_email"): 1,
        ("rejected", "damaged_row"): 1,
    }
    assert await settled(own, 1500) == expected
    again = await run_cli(own, url, tmp_path, "import", str(file), "--source", "fair")
    assert "1,500 rows stored" in again.stdout
    repeated = await settled(own, 3000)
    assert repeated[("merged", "repeated_event")] == 1497
    assert repeated[("new", None)] == 1497


async def test_a_purchased_list_goes_with_its_rows(own: Servers, capture: httpx.AsyncClient, tmp_path: Path) -> None:
    file = tmp_path / "cfos.csv"
    file.write_text('email,full name\nann@example.com,Ann Lee\n"bob@example.com,Bob"\n')
    listed = (
        "--list",
        "CFOs 2026",
        "--vendor",
        "Data Inc",
        "--cost",
        "500 EUR",
        "--list-param",
        "size=small",
        "--targets",
    )
    ran = await run_cli(own, str(capture.base_url), tmp_path, "import", str(file), "--source", "vendor", *listed)
    assert ran.returncode == 0, ran.stderr
    assert await settled(own, 2) == {("new", None): 1, ("rejected", "wrong_field_count"): 1}
    (event,) = [orjson.loads(record.value or b"") for record in await read_to_end(own, CAPTURED)]
    assert event["lead"]["state"] == "target"
    assert event["lead"]["list"] == {
        "name": "CFOs 2026",
        "vendor": "Data Inc",
        "cost": {"amount": "500", "currency": "EUR"},
        "params": {"size": "small"},
    }
    damaged = [record for record in await read_to_end(own, INBOUND_BULK) if "ls_list" in dict(record.headers)]
    assert len(damaged) == 1


async def test_rejected_rows_are_mended_in_their_file_and_get_through(
    own: Servers, capture: httpx.AsyncClient, tmp_path: Path
) -> None:
    file = tmp_path / "leads.csv"
    file.write_text('email,name\np1@example.com,Ann\n"p2@example.com,Bob"\nnobody,Cid\n')
    url = str(capture.base_url)
    first = await run_cli(own, url, tmp_path, "import", str(file), "--source", "fair", "--json")
    report = orjson.loads(first.stdout)
    assert report["rejected_file"] == str(tmp_path / "leads.rejected.csv")
    with open(report["rejected_file"], encoding="utf-8-sig", newline="") as rejected:  # noqa: ASYNC230 - a test
        header, *rows = csv.reader(rejected)
    rows[0][:2], rows[1][0] = ["p2@example.com", "Bob"], "p3@example.com"
    with open(report["rejected_file"], "w", newline="") as mended:  # noqa: ASYNC230 - a test
        csv.writer(mended).writerows([header, *rows])
    again = await run_cli(own, url, tmp_path, "import", report["rejected_file"], "--source", "fair", "--json")
    assert orjson.loads(again.stdout)["rejected"] == 0
    assert await settled(own, 5) == {
        ("new", None): 3, ("rejected", "wrong_field_count"): 1, ("rejected", "invalid_email"): 1,
    }  # fmt: skip


async def test_a_dry_run_shows_everything_sends_nothing_and_can_be_committed(
    own: Servers, capture: httpx.AsyncClient, tmp_path: Path
) -> None:
    known = {"source": "web", "email": "ann@example.com", "first_name": "Ann", "last_name": "Lee"}
    await capture.post("/v1/leads", json=known)
    await settled(own, 1)
    file = tmp_path / "leads.csv"
    file.write_text(
        "E-mail,Name,Shoe\nann@example.com,Ann Lee,40\nbob@example.com,Bob,41\nbob@example.com,Bob,42\n,Cid,1\n"
    )
    url, asked = str(capture.base_url), ("import", str(file), "--source", "fair")
    look = await run_cli(own, url, tmp_path, *asked, "--dry-run", "--json")
    shown = orjson.loads(look.stdout)
    rows = shown["rows"]
    assert [row["lead"] and row["lead"]["email"] for row in rows] == [
        "ann@example.com", "bob@example.com", "bob@example.com", None,
    ]  # fmt: skip
    assert (rows[0]["duplicate"]["matched_by"], "lead_id" in rows[0]["duplicate"]) == ("email", True)
    assert rows[1]["duplicate"] is None
    assert rows[2]["duplicate"] == {"row": 3, "matched_by": "email"}
    assert rows[3]["error"]["code"] == "no_identifier"
    assert rows[0]["lead"]["extra"]["import_mapping"] == shown["mapping"]
    assert await read_to_end(own, INBOUND_BULK) == []

    wrong_use = await run_cli(own, url, tmp_path, "import", str(file), "--source", "fair", "--plan", shown["plan"])
    assert wrong_use.returncode == 2
    unchanged = file.read_bytes()
    file.write_bytes(unchanged + b"eve@example.com,Eve,39\n")
    other = await run_cli(own, url, tmp_path, "import", "--plan", shown["plan"])
    assert (other.returncode, "not the one of plan" in other.stderr) == (1, True)
    file.write_bytes(unchanged)
    done = await run_cli(own, url, tmp_path, "import", "--plan", shown["plan"], "--json")
    assert (orjson.loads(done.stdout)["rows"], orjson.loads(done.stdout)["mapping"]) == (4, shown["mapping"])
    again = await run_cli(own, url, tmp_path, *asked, "--json")
    assert again.returncode == 0
    found = await settled(own, 9)
    assert found == {
        ("new", None): 2, ("merged", "email"): 2, ("merged", "repeated_event"): 3, ("rejected", "no_identifier"): 2,
    }  # fmt: skip


async def test_validation_rules_reject_rows_in_file_dry_run_and_receipts(
    own: Servers, capture: httpx.AsyncClient, tmp_path: Path
) -> None:
    rule = "{id: country, name: a country, field: address.country, when: {field: address.country, exists: true}}"
    body = {"document": f"kind: validation\nrules: [{rule}]\n", "author": "Ann", "reason": "the fair"}
    admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
    published = await capture.post("/v1/rules/validation", json=body, headers=admin)
    assert published.status_code in (200, 202), published.text

    async def is_live() -> bool:
        return (await capture.get("/v1/rules/validation/versions/live", headers=admin)).status_code == 200

    await until(is_live, "the rules are live")
    file = tmp_path / "leads.csv"
    file.write_text("E-mail,Country\nann@example.com,Germany\nbob@example.com,\n")
    url, asked = str(capture.base_url), ("import", str(file), "--source", "fair", "--json")
    look = orjson.loads((await run_cli(own, url, tmp_path, *asked, "--dry-run")).stdout)
    assert [row["error"] and (row["error"]["rule"], row["error"]["field"]) for row in look["rows"]] == [
        None, ("country", "address.country"),
    ]  # fmt: skip
    report = orjson.loads((await run_cli(own, url, tmp_path, *asked)).stdout)
    assert (report["rejected"], report["codes"]) == (1, {"rule_not_met": 1})
    with open(report["rejected_file"], newline="", encoding="utf-8-sig") as written:  # noqa: ASYNC230 - a test
        (row,) = csv.DictReader(written)
    assert (row["import_code"], row["import_field"]) == ("rule_not_met", "address.country")
    assert "a country (rule country)" in row["import_detail"]
    assert await settled(own, 2) == {("new", None): 1, ("rejected", "rule_not_met"): 1}


async def test_match_answers_as_capture_would_decide(own: Servers, capture: httpx.AsyncClient) -> None:
    await capture.post("/v1/leads", json={"source": "web", "phone": "+14155550100", "first_name": "Ann"})
    await settled(own, 1)
    leads: list[dict[str, Any]] = [
        {"phone": "+1 415 555 0100", "first_name": "Ann"},
        {"phone": "+1 415 555 0100", "first_name": "Bob"},
        {"email": "nobody"},
        {"external_id": "7"},
    ]
    asked = {"source": "web", "leads": leads}
    refused = await capture.post("/v1/leads/match", json=asked)
    assert refused.status_code == 403, "a source may not ask who is known"
    admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
    answers = (await capture.post("/v1/leads/match", json=asked, headers=admin)).json()["leads"]
    assert [answer["outcome"] for answer in answers] == ["merged", "new", "rejected", "new"]
    assert (answers[0]["matched_by"], answers[2]["code"]) == ("phone", "invalid_email")
    assert (await capture.post("/v1/leads/match", json=asked, headers=admin)).json()["leads"] == answers
    assert await outcomes(own) == {("new", None): 1}
    too_many = {"source": "web", "leads": [{}] * 201}
    assert (await capture.post("/v1/leads/match", json=too_many, headers=admin)).status_code == 422


def big_file(tmp_path: Path, rows: int) -> Path:
    file = tmp_path / "big.csv"
    lines = [f"p{n}@example.com,Name {n}" if n % 1000 else f'"p{n}@example.com,Name {n}"' for n in range(1, rows + 1)]
    file.write_text("email,full name\n" + "\n".join(lines) + "\n")
    return file


def lines_of(path: str) -> int:
    return len(Path(path).read_text(encoding="utf-8-sig").splitlines())


async def test_an_import_that_is_killed_goes_on_where_it_was(
    own: Servers, capture: httpx.AsyncClient, tmp_path: Path
) -> None:
    rows = 8_000
    asked = ("import", str(big_file(tmp_path, rows)), "--source", "fair", "--json")
    command, environment = cli_command(own, str(capture.base_url), tmp_path, *asked)
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)

    async def some_are_stored() -> bool:
        return process.returncode is not None or any((tmp_path / ".leadstream/imports").glob("*.json"))

    await until(some_are_stored, "the first rows are stored", every=0.005)
    if process.returncode is None:
        process.kill()
    await process.wait()
    report = orjson.loads((await run_cli(own, str(capture.base_url), tmp_path, *asked, "--resume")).stdout)
    assert (report["rows"], report["rejected"], report["stopped"]) == (rows, rows // 1000, False)
    assert lines_of(report["rejected_file"]) == 1 + rows // 1000, "each rejected row once, whenever it was killed"
    found = await settled(own, rows)
    assert (found["new", None], found["rejected", "wrong_field_count"]) == (rows - rows // 1000, rows // 1000)


async def test_two_imports_of_one_file_at_once_and_one_that_is_stopped(
    own: Servers, capture: httpx.AsyncClient, tmp_path: Path
) -> None:
    rows = 4_000
    asked = ("import", str(big_file(tmp_path, rows)), "--source", "fair", "--json")
    both = await asyncio.gather(*(run_cli(own, str(capture.base_url), tmp_path, *asked) for _ in range(2)))
    reports = [orjson.loads(one.stdout) for one in both]
    assert [(one["rows"], one["rejected"]) for one in reports] == [(rows, rows // 1000)] * 2
    assert len({one["rejected_file"] for one in reports}) == 2
    found = await settled(own, 2 * rows)
    assert (found["new", None], found["merged", "repeated_event"]) == (rows - rows // 1000,) * 2

    command, environment = cli_command(own, str(capture.base_url), tmp_path, *asked)
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)

    async def begun() -> bool:
        return process.returncode is not None or any((tmp_path / ".leadstream/imports").glob("*.json"))

    await until(begun, "the first rows are stored", every=0.005)
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
    said, _ = await process.communicate()
    stopped = orjson.loads(said)
    assert (process.returncode == 1) is stopped["stopped"]
    assert stopped["last_row"] == stopped["rows"] + 1, "a prefix of the file, and which one is said"
    assert (await settled(own, 2 * rows + stopped["rows"]))["new", None] == rows - rows // 1000
