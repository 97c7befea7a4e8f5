"""Add goldens and frozen schemas; change none.

python -m tests.contract.freeze golden lead.captured with_new_field record.json
python -m tests.contract.freeze schemas
"""

import argparse
import json
import sys
from pathlib import Path

from shared.contracts.catalog import CONTRACTS
from tests.contract import goldens
from tests.contract.compatibility import Shape, breaks


class Refused(Exception):
    """It would change what was released."""


def add_golden(event_type: str, case: str, source: Path, folder: Path = goldens.FOLDER) -> Path:
    """Copy a record among the goldens. Refused when the case is there, or when today's model does not take it."""
    target = folder / event_type / f"{case}.json"
    if event_type not in CONTRACTS:
        raise Refused(f"there is no type {event_type}")
    if target.exists():
        raise Refused(f"{event_type}/{case} is there; goldens are never changed, choose another case")
    CONTRACTS[event_type].model_validate(goldens.read_golden(source).value)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    with (folder / goldens.SUMS.name).open("a") as sums:
        sums.write(f"{goldens.digest_of(target)}  {target.relative_to(folder).as_posix()}\n")
    return target


def grown(frozen: dict[str, Shape], today: dict[str, Shape]) -> dict[str, Shape]:
    """The frozen schemas with what was added. Refused when something broke."""
    broken = [f"{kind}: {why}" for kind, shape in frozen.items() for why in breaks(shape, today.get(kind, {}))]
    if broken:
        raise Refused("\n".join(broken))
    return today


def freeze_schemas(path: Path = goldens.SCHEMAS) -> None:
    """Write the frozen schemas anew, grown."""
    frozen = grown(goldens.frozen_shapes(), goldens.shapes_today())
    path.write_text(json.dumps(frozen, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    """Exit code: 0 added, 1 refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted = parser.add_subparsers(dest="what", required=True)
    golden = wanted.add_parser("golden", help="add a record")
    golden.add_argument("type")
    golden.add_argument("case")
    golden.add_argument("file", type=Path)
    wanted.add_parser("schemas", help="add new types and optional fields to the frozen schemas")
    given = parser.parse_args()
    try:
        if given.what == "golden":
            add_golden(given.type, given.case, given.file)
        else:
            freeze_schemas()
    except Refused as refusal:
        sys.stderr.write(f"refused: {refusal}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
