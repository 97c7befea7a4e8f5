"""What can be measured, each with its defaults, its table and whether its output was right."""

import asyncio
from argparse import Namespace
from collections.abc import Callable, Mapping
from statistics import median
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

from tests.benchmark import growth, hop, idle, importing, intake, latency, pipeline, previewing, report, rules, turning
from tests.benchmark.crm import comparing
from tests.support.stack import Servers


class Part(NamedTuple):
    """A table, the runs behind it, and whether every output was right."""

    table: str
    runs: Any
    right: bool


Measuring: TypeAlias = Callable[[Servers, Namespace, dict[str, Any]], Part]


def _hop(servers: Servers, wanted: Namespace, _results: dict[str, Any]) -> Part:
    found = asyncio.run(
        hop.measure(servers, wanted.messages or 20_000, wanted.runs, only=wanted.only, samples=wanted.samples)
    )
    return Part(report.hop_table(found), found.as_dict(), found.right)


def _pipeline(servers: Servers, wanted: Namespace, _results: dict[str, Any]) -> Part:
    runs = asyncio.run(
        pipeline.measure(servers, wanted.messages or 40_000, wanted.runs, replicas=(1, 2), samples=wanted.samples)
    )
    return Part(report.pipeline_tables(runs), [run.as_dict() for run in runs], not any(run.faults for run in runs))


def _latency(servers: Servers, wanted: Namespace, results: dict[str, Any]) -> Part:
    """At rates of the peak that the pipeline reached in this run, or reaches now."""
    races = [race for race in results.get("pipeline", ()) if race["replicas"] == 1]
    if not races:
        measured = asyncio.run(pipeline.measure(servers, wanted.messages or 20_000, 1))
        races = [race.as_dict() for race in measured]
    peak = median(race["rate"] for race in races)
    runs = asyncio.run(latency.measure(servers, peak, wanted.seconds or 30.0))
    return Part(report.latency_table(runs, peak), [run.as_dict() for run in runs], not any(r.faults for r in runs))


def _growth(servers: Servers, wanted: Namespace, _results: dict[str, Any]) -> Part:
    sizes = growth.SIZES if not wanted.long else (*growth.SIZES, growth.LARGE)
    runs = asyncio.run(growth.measure(servers, wanted.messages or 20_000, min(wanted.runs, 2), sizes))
    return Part(report.growth_table(runs), [r.as_dict() for r in runs], not any(r.run.faults for r in runs))


def _import(servers: Servers, wanted: Namespace, _results: dict[str, Any]) -> Part:
    rows = wanted.rows or (1_000_000 if wanted.long else 100_000)
    runs = asyncio.run(importing.measure(servers, (rows // 10, rows), 1))
    return Part(report.import_table(runs), [run.as_dict() for run in runs], not any(run.faults for run in runs))


def _intake(servers: Servers, wanted: Namespace, _results: dict[str, Any]) -> Part:
    shapes = [shape for shape in intake.SHAPES if wanted.only in shape.name]
    runs = asyncio.run(
        intake.measure(servers, wanted.seconds or 10.0, wanted.runs, shapes=shapes, samples=wanted.samples)
    )
    return Part(report.intake_table(runs), [run.as_dict() for run in runs], not any(run.faults for run in runs))


def _crm(servers: Servers, wanted: Namespace, _results: dict[str, Any]) -> Part:
    found = asyncio.run(comparing.measure(servers, wanted.leads or 240))
    return Part(report.crm_table(found), found.as_dict(), found.right)


def _idle(servers: Servers, wanted: Namespace, _results: dict[str, Any]) -> Part:
    seconds = wanted.seconds or 30.0
    rows = asyncio.run(idle.measure(servers, seconds))
    return Part(report.idle_table(rows, seconds), [row.as_dict() for row in rows], True)


def _rules(_servers: Servers, wanted: Namespace, _results: dict[str, Any]) -> Part:
    runs = rules.measure(wanted.runs)
    return Part(rules.table(runs), [run.as_dict() for run in runs], True)


def _turning(servers: Servers, wanted: Namespace, _results: dict[str, Any]) -> Part:
    found = asyncio.run(turning.measure(servers, wanted.leads or 100_000))
    return Part(turning.table(found), found.as_dict(), found.right)


def _preview(_servers: Servers, wanted: Namespace, _results: dict[str, Any]) -> Part:
    runs = previewing.measure(wanted.runs, wanted.leads or previewing.LEADS)
    return Part(previewing.table(runs), [run.as_dict() for run in runs], all(run.leads for run in runs))


PARTS: Final[Mapping[str, Measuring]] = MappingProxyType(
    {
        "hop": _hop,
        "pipeline": _pipeline,
        "latency": _latency,
        "growth": _growth,
        "import": _import,
        "intake": _intake,
        "crm": _crm,
        "idle": _idle,
        "rules": _rules,
        "preview": _preview,
        "turning": _turning,
    }
)
USUAL: Final = ("hop", "pipeline", "latency")
ALL: Final = tuple(PARTS)
SERVERLESS: Final = frozenset({"rules", "preview"})
