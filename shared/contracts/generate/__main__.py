"""`python -m shared.contracts.generate --check | --write`."""

import argparse
import sys
from pathlib import Path
from typing import Final

from shared.contracts.generate.files import differences, write_files

CHECKOUT: Final = Path(__file__).parents[3]


def main(arguments: list[str] | None = None, root: Path = CHECKOUT) -> int:
    """Exit code: 0 as generated, 1 something differs."""
    parser = argparse.ArgumentParser(
        description="AsyncAPI, topic table, topic manifests and schemas from the register."
    )
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true", help="tell what differs; exit code 1 when something does")
    mode.add_argument("--write", action="store_true", help="write the files")
    wanted = parser.parse_args(arguments)
    lines = write_files(root) if wanted.write else differences(root)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if wanted.check and lines else 0


if __name__ == "__main__":
    sys.exit(main())
