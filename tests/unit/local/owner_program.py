"""A program that owns children and is then killed by a test: `owner_program.py RECORD CHILD-COMMAND...`. Prints the child's pid."""

import os
import signal
import sys
from pathlib import Path

from deploy.local.processes import ChildPlan, ProcessOwner

record, command = Path(sys.argv[1]), sys.argv[2:]
owner = ProcessOwner(record)
plan = ChildPlan("child", command, record.with_name("child.log"), dict(os.environ), record.parent)
print(owner.spawn(plan).pid, flush=True)
signal.pause()
