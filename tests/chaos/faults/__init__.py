"""One file a fault: a module of this package with `FAULTS`, a list of instances."""

import importlib
import pkgutil
from collections.abc import Sequence

from tests.chaos.fault import Fault

# Those that follow with the features that they are about.
NOT_YET_COVERED: dict[str, str] = {}


def every_fault() -> list[Fault]:
    """All faults, in the order of their names."""
    found: list[Fault] = []
    for module in pkgutil.iter_modules(__path__):
        found += importlib.import_module(f"{__name__}.{module.name}").FAULTS
    return sorted(found, key=lambda fault: fault.name)


def selected(only: Sequence[str]) -> list[Fault]:
    """Those named (all where none is). Raises ValueError for a name that is unknown."""
    every = every_fault()
    unknown = set(only) - {fault.name for fault in every}
    if unknown:
        raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(f.name for f in every)}")
    return [fault for fault in every if not only or fault.name in only]
