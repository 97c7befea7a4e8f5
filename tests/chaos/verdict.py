"""What is said of a fault, and the table of all."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.chaos.oracle import Level

PASSED, FELL, NOTHING, NOT_RUN, NOT_YET = "passed", "FELL", "PROVED NOTHING", "not run", "not yet covered"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row. `bit` is what was counted, `problems` what was found, `seconds` inject to judged, `held`
    what the services hold afterwards."""

    name: str
    title: str
    promise: str
    seed: int
    leads: int
    bit: Mapping[str, float]
    problems: Sequence[str]
    missing_bites: Sequence[str]
    seconds: float
    parts: Mapping[str, float]
    held: Mapping[str, Level]
    not_run: str | None = None
    """Why the fault could not be done here."""

    @property
    def verdict(self) -> str:
        if self.problems:
            return FELL
        if self.not_run is not None:
            return NOT_RUN
        return NOTHING if self.missing_bites else PASSED

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


def survived(verdicts: Sequence[Verdict]) -> bool:
    """Whether a run is a good one: what could be done passed, and that was not nothing."""
    found = {verdict.verdict for verdict in verdicts}
    return found <= {PASSED, NOT_RUN} and PASSED in found


def table(verdicts: Sequence[Verdict], not_yet: Mapping[str, str]) -> str:
    """Markdown: a row a fault, then what fell in full."""
    lines = [
        "| fault | what | promise | seed | leads | what bit | verdict | s |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(v) for v in verdicts),
        *(f"| {name} | {title} | | | | | {NOT_YET} | |" for name, title in not_yet.items()),
    ]
    for v in verdicts:
        if v.verdict == NOT_RUN:
            lines += ["", f"**{v.name}** {NOT_RUN}: {v.not_run}"]
    fallen = [v for v in verdicts if v.verdict not in (PASSED, NOT_RUN)]
    for v in fallen:
        lines += ["", f"**{v.name}** {v.verdict} (again: `make chaos ONLY={v.name} SEED={v.seed}`)", ""]
        lines += [f"- {problem}" for problem in (*v.problems, *(f"did not bite: {b}" for b in v.missing_bites))]
    return "\n".join(lines) + "\n"


def _row(v: Verdict) -> str:
    bit = ", ".join(f"{name} {n:g}" for name, n in v.bit.items() if n)
    shown = v.verdict if v.verdict == PASSED else f"**{v.verdict}**"
    return f"| {v.name} | {v.title} | {v.promise} | {v.seed} | {v.leads:,} | {bit} | {shown} | {v.seconds:.0f} |"
