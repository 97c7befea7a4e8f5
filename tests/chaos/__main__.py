"""`python -m tests.chaos`: faults, a table, and 1 at the end when one fell or proved nothing."""

import argparse
import json
import logging
import os
import sys
import time
from pathlib import Path

import uvloop

from tests.chaos import soak
from tests.chaos.faults import NOT_YET_COVERED, every_fault, selected
from tests.chaos.pipeline import Load
from tests.chaos.run import Wish, run
from tests.chaos.verdict import Verdict, survived, table

# A file with the columns of X Education's leads; its people are mixed with ours.
CSV_VARIABLE = "LEADSTREAM_CHAOS_CSV"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the long amounts (up to 90 minutes)")
    parser.add_argument("--only", default="", help="names of faults, with commas: F41,F10")
    parser.add_argument("--seed", type=int, default=1, help="one seed reproduces a run as far as timing allows")
    parser.add_argument("--rate", type=float, default=200.0, help="leads a second straight to Kafka")
    parser.add_argument("--json", type=Path, help="write the verdicts here")
    parser.add_argument("--markdown", type=Path, help="write the table here")
    parser.add_argument("--minutes", type=float, help="soak for so long, with faults at random")
    parser.add_argument("--list", action="store_true", help="name the faults")
    return parser.parse_args()


def main() -> int:
    """0 when every fault that could be done was survived and had bitten, and one at least could."""
    wanted = _arguments()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # ours lose the broker too, all the time
    if wanted.list:
        print("\n".join(f"{fault.name:<16} {fault.title}" for fault in every_fault()))
        return 0
    csv = os.environ.get(CSV_VARIABLE)
    load = Load(rate=wanted.rate, csv=Path(csv) if csv else None)
    if wanted.minutes:
        return soak.main(wanted.minutes, wanted.seed, load, wanted.json, wanted.markdown)
    faults = selected([name.strip() for name in wanted.only.split(",") if name.strip()])
    began = time.monotonic()
    verdicts = uvloop.run(run(Wish(faults, wanted.seed, wanted.full, load, _say)))
    _write(wanted, verdicts, time.monotonic() - began)
    return 0 if survived(verdicts) else 1


def _say(line: str) -> None:
    print(line, flush=True)


def _write(wanted: argparse.Namespace, verdicts: list[Verdict], seconds: float) -> None:
    text = table(verdicts, {} if wanted.only else NOT_YET_COVERED)
    print(f"\n{text}\n{len(verdicts)} faults in {seconds:.0f} s")
    if wanted.markdown:
        wanted.markdown.write_text(text)
    if wanted.json:
        found = {"seconds": seconds, "verdicts": [v.as_dict() for v in verdicts], "not_yet_covered": NOT_YET_COVERED}
        wanted.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    sys.exit(main())
