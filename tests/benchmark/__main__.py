"""`python -m tests.benchmark`: measure, print tables, and end with 1 when a promise was broken."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.benchmark import hop, idle, machine, pipeline, report
from tests.support.stack import running_servers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("hop", "pipeline", "idle", "all"), default="all")
    parser.add_argument("--messages", type=int, default=20_000, help="messages of a hop, leads of the pipeline")
    parser.add_argument("--runs", type=int, default=3, help="rounds; tables show medians")
    parser.add_argument("--only", default="", help="variants of the hop whose name contains this")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long the idle stack is watched")
    parser.add_argument("--json", type=Path, help="write every run here")
    parser.add_argument("--markdown", type=Path, help="write the tables here")
    parser.add_argument("--samples", type=Path, help="a folder for where each worker's CPU went, line by line")
    return parser.parse_args()


def main() -> int:
    """0 when every output was right, 1 otherwise."""
    wanted = _arguments()
    if wanted.samples:
        wanted.samples = wanted.samples.resolve()
        wanted.samples.mkdir(parents=True, exist_ok=True)
    facts = machine.facts()
    tables = [report.heading(facts, " ".join(["python -m tests.benchmark", *sys.argv[1:]]))]
    results: dict[str, Any] = {"machine": facts, "command": sys.argv[1:]}
    right = _measure(wanted, tables, results)
    text = "\n".join(tables)
    print(f"\n{text}")
    if wanted.markdown:
        wanted.markdown.write_text(text)
    if wanted.json:
        wanted.json.write_text(json.dumps(results, indent=1))
    return 0 if right else 1


def _measure(wanted: argparse.Namespace, tables: list[str], results: dict[str, Any]) -> bool:
    right = True
    with running_servers() as servers:
        if wanted.what in ("hop", "all"):
            hops = asyncio.run(
                hop.measure(servers, wanted.messages, wanted.runs, only=wanted.only, samples=wanted.samples)
            )
            tables.append(report.hop_table(hops))
            results["hop"] = hops.as_dict()
            right = right and hops.right
        if wanted.what in ("pipeline", "all"):
            races = asyncio.run(pipeline.measure(servers, wanted.messages, wanted.runs, wanted.samples))
            tables.append(report.pipeline_table(races))
            results["pipeline"] = [race.as_dict() for race in races]
            right = right and not any(race.faults for race in races)
        if wanted.what in ("idle", "all"):
            rows = asyncio.run(idle.measure(servers, wanted.seconds))
            tables.append(report.idle_table(rows, wanted.seconds))
            results["idle"] = [row.as_dict() for row in rows]
    return right


if __name__ == "__main__":
    sys.exit(main())
