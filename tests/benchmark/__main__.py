"""`python -m tests.benchmark`: measure, print tables, and end with 1 when a promise was broken."""

import argparse
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

from tests.benchmark import machine
from tests.benchmark.environments import NotAvailable
from tests.benchmark.parts import ALL, PARTS, SERVERLESS, USUAL
from tests.benchmark.report import heading
from tests.support.stack import Servers, running_servers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument(
        "what", nargs="*", choices=(*PARTS, "all", []), default=[], help="hop and pipeline, if not told"
    )
    parser.add_argument("--messages", type=int, help="messages of a hop, leads of the pipeline and of growth")
    parser.add_argument("--rows", type=int, help="rows of the larger imported file")
    parser.add_argument("--leads", type=int, help="leads of the comparison with a CRM, and of scores that turn")
    parser.add_argument("--runs", type=int, default=3, help="rounds; tables show medians")
    parser.add_argument("--only", default="", help="variants of the hop, shapes of the intake whose name contains this")
    parser.add_argument("--seconds", type=float, help="how long loads at a fixed rate, and the idle stack, last")
    parser.add_argument("--long", action="store_true", help="with all, and with 10 million leads stored")
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
    tables = [heading(facts, " ".join(["python -m tests.benchmark", *sys.argv[1:]]))]
    results: dict[str, Any] = {"machine": facts, "command": sys.argv[1:]}
    right = _measure(wanted, tables, results)
    tables.append(f"yardstick afterwards {machine.yardstick_ms():.0f} ms\n")
    text = "\n".join(tables)
    print(f"\n{text}")
    if wanted.markdown:
        wanted.markdown.write_text(text)
    if wanted.json:
        wanted.json.write_text(json.dumps(results, indent=1))
    return 0 if right else 1


def _measure(wanted: argparse.Namespace, tables: list[str], results: dict[str, Any]) -> bool:
    names = ALL if "all" in wanted.what or (wanted.long and not wanted.what) else wanted.what or USUAL
    right = True
    with nullcontext() if set(names) <= SERVERLESS else running_servers() as servers:
        for name in names:
            try:
                part = PARTS[name](cast(Servers, servers), wanted, results)
            except NotAvailable as reason:
                tables.append(f"## Left out: {name}\n\n{reason}\n")
                continue
            tables.append(part.table)
            results[name] = part.runs
            right = right and part.right
    return right


if __name__ == "__main__":
    sys.exit(main())
