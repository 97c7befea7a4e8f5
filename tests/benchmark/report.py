"""The tables that a reader sees. Ratios are within one run; absolute figures depend on the machine."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from shared.contracts.topics import INBOUND
from tests.benchmark.contenders import QUIX
from tests.benchmark.crm.comparing import OURS, THEIRS, Comparison
from tests.benchmark.crm.http import CONNECTIONS
from tests.benchmark.growth import GrowthRun
from tests.benchmark.hop import HopResult, Run
from tests.benchmark.idle import Idle
from tests.benchmark.importing import ImportRun
from tests.benchmark.intake import IntakeRun
from tests.benchmark.latency import SPREADS, LatencyRun
from tests.benchmark.pipeline import PipelineRun

REFERENCE = "FastStream, a message at a time"


def heading(facts: dict[str, str], command: str) -> str:
    """Machine, date and command."""
    return "\n".join(["# Benchmark", "", f"`{command}`", "", ", ".join(f"{k} {v}" for k, v in facts.items()), ""])


def hop_table(result: HopResult) -> str:
    """Medians over the rounds, with the range of the CPU."""
    by_name = {name: [run for run in result.runs if run.variant == name] for name in result.promises}
    references = [_median(by_name.get(name, []), "cpu_us") for name in (REFERENCE, QUIX)]
    lines = [
        f"## One hop: consume, validate, score, produce ({result.messages:,} messages of 907 bytes, 6 partitions, "
        f"medians of {result.rounds})",
        "",
        "| variant | promise | msg/s | CPU µs a message (range) | FastStream's is … times | Quix's is … times | records a batch | Kafka µs | Postgres µs | output |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_row(name, result.promises[name], runs, references) for name, runs in by_name.items() if runs),
        "",
        "CPU is user and system time of the worker's process between the first and the last hand-over to the handler, by the kernel's clock "
        "(Quix Streams and confluent-kafka, which fetch and write on threads of their own: from when they connect until the output could be read). "
        "`FastStream's is … times`: FastStream as documented (a message at a time) takes that many times the CPU; Quix likewise. "
        "Medians of one interleaved run. Quix Streams asks for an older pydantic: it has an environment of its own. "
        "Batch auto is the default: all that is there, up to 2,000. Batch 1 is measured with a twentieth of the messages. "
        "Output is what a read_committed reader finds: every lead once, with its score.",
        *(f"\n{line}." for line in result.left_out),
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, promise: str, runs: Sequence[Run], references: Sequence[float]) -> str:
    cpu = sorted(run.cpu_us for run in runs)
    middle = median(cpu)
    ratios = " | ".join(f"{reference / middle:.1f}" if reference and middle else "-" for reference in references)
    return (
        f"| {name} | {promise} | {_median(runs, 'rate'):,.0f} | {middle:.1f} ({cpu[0]:.1f}-{cpu[-1]:.1f}) | {ratios} "
        f"| {_median(runs, 'batch'):,.0f} | {_median(runs, 'kafka_us'):.0f} | {_median(runs, 'postgres_us'):.0f} | {_right(runs)} |"
    )


def _median(runs: Sequence[Any], name: str) -> float:
    return median(getattr(run, name) for run in runs) if runs else 0.0


def pipeline_tables(runs: Sequence[PipelineRun]) -> str:
    """A table for each number of replicas."""
    numbers = sorted({run.replicas for run in runs})
    return "\n".join(pipeline_table([run for run in runs if run.replicas == number]) for number in numbers)


def pipeline_table(runs: Sequence[PipelineRun]) -> str:
    """End to end, and where the CPU goes."""
    names = list(runs[0].cpu_us)
    rates = sorted(run.rate for run in runs)
    cpu = {name: median(run.cpu_us[name] for run in runs) for name in names}
    done = {name: median(run.done_after[name] for run in runs) for name in runs[0].done_after}
    parts = {
        title: {name: median(getattr(run.batches[name], field) for run in runs) for name in done}
        for title, field in (
            ("records a batch", "records_each"),
            ("storing, s", "storing"),
            ("publishing, s", "publishing"),
        )
    }
    faults = sorted({fault for run in runs for fault in run.faults})
    lines = [
        f"## Pipeline: five services, {runs[0].replicas} of each, {runs[0].leads:,} leads from {INBOUND} to the last stored event, after a warm-up, medians of {len(runs)}",
        "",
        f"**{median(rates):,.0f} leads/s** ({rates[0]:,.0f}-{rates[-1]:,.0f}); "
        f"{'every lead one outcome, conversions once, ledger balanced' if not faults else '**FAILED**: ' + '; '.join(faults)}.",
        "",
        f"| | {' | '.join(names)} | all |",
        f"|---|{'---|' * (len(names) + 1)}",
        f"| CPU µs a lead | {' | '.join(f'{cpu[name]:.0f}' for name in names)} | {sum(cpu.values()):.0f} |",
        f"| done after, s | {' | '.join(f'{done[name]:.1f}' if name in done else '' for name in names)} | {max(done.values()):.1f} |",
        *(
            f"| {title} | {' | '.join(f'{values[name]:.1f}' if name in done else '' for name in names)} | |"
            for title, values in parts.items()
        ),
        "",
        f"Services' resident memory at most {max(run.resident_mib for run in runs):.0f} MiB. Events: "
        + ", ".join(f"{name} {n:,}" for name, n in runs[-1].counts.items())
        + ".",
    ]
    return "\n".join(lines) + "\n"


def latency_table(runs: Sequence[LatencyRun], peak: float) -> str:
    """From when a lead was due until a read_committed reader has it."""
    names = SPREADS
    lines = [
        f"## Latency: leads at a fixed rate, from when each was due (peak {peak:,.0f} leads/s)",
        "",
        f"| | leads/s | {' | '.join(f'{name} p50 / p99 / longest, ms' for name in names)} | leads counted | output |",
        f"|---|---|{'---|' * len(names)}---|---|",
        *(_latency_row(run) for run in runs),
        "",
        "Seen by a read_committed reader as it reads along (above 200 leads a second: in two of the six partitions). An "
        "open loop: a lead's time begins when it was due, whatever happened to those before it. The first fifth is left "
        "out.",
    ]
    return "\n".join(lines) + "\n"


def _latency_row(run: LatencyRun) -> str:
    spreads = " | ".join(f"{s.p50:,.0f} / {s.p99:,.0f} / {s.longest:,.0f}" for s in run.stages.values())
    counted = " / ".join(f"{s.count:,}" for s in run.stages.values())
    return f"| {run.level} | {run.rate:,.0f} | {spreads} | {counted} | {_right([run])} |"


def growth_table(runs: Sequence[GrowthRun]) -> str:
    """The same leads with few and with many stored before."""
    sizes = sorted({run.size for run in runs})
    names = list(runs[0].run.cpu_us)
    lines = [
        f"## Growth: {runs[0].run.leads:,} leads with others already stored, medians of {len(runs) // len(sizes)}",
        "",
        f"| leads stored before | database MiB | leads/s | CPU µs a lead | times that at {sizes[0]:,} | {' | '.join(names)} | output |",
        f"|---|---|---|---|---|{'---|' * len(names)}---|",
        *(_growth_row([r for r in runs if r.size == size], [r for r in runs if r.size == sizes[0]]) for size in sizes),
        "",
        "The stored ones are real leads that went through all services, copied under other ids in all tables that grow with "
        "leads; statistics are fresh, caches are not.",
    ]
    return "\n".join(lines) + "\n"


def _growth_row(runs: Sequence[GrowthRun], smallest: Sequence[GrowthRun]) -> str:
    cost, least = (median(sum(run.run.cpu_us.values()) for run in each) for each in (runs, smallest))
    parts = " | ".join(f"{median(run.run.cpu_us[name] for run in runs):.0f}" for name in runs[0].run.cpu_us)
    return (
        f"| {runs[0].size:,} | {runs[0].database_mib:,.0f} | {median(run.run.rate for run in runs):,.0f} | {cost:.0f} "
        f"| {cost / least:.2f} | {parts} | {_right([run.run for run in runs])} |"
    )


def import_table(runs: Sequence[ImportRun]) -> str:
    """Rows into the inbound topic."""
    lines = [
        "## Import of a file",
        "",
        "| rows | file MiB | rows/s | importer's memory at most, MiB | importer CPU µs a row | Kafka µs | output |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {r.rows:,} | {r.file_mib:,.0f} | {r.rate:,.0f} | {r.peak_mib:.0f} | {r.cpu_us['importer']:.0f} "
            f"| {r.cpu_us.get('kafka', 0):.0f} | {_right([r])} |"
            for r in runs
        ),
        "",
        "From the first row to the last acknowledgement (acks=all), each row with its own id and checkpoint.",
    ]
    return "\n".join(lines) + "\n"


def intake_table(runs: Sequence[IntakeRun]) -> str:
    """Submissions over HTTP."""
    shapes = list(dict.fromkeys(run.shape for run in runs))
    lines = [
        f"## Capture over HTTP, under wrk: {runs[0].seconds:.0f} s of load each, medians of {len(runs) // len(shapes)}",
        "",
        "| submissions | connections | requests/s | leads/s received | p50 ms | p99 ms | capture µs a lead | Kafka µs | Postgres µs | output |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_intake_row([run for run in runs if run.shape == shape]) for shape in shapes),
        "",
        "Received: answered with 202 after Kafka's acknowledgement (acks=all). Meanwhile the same process captures what "
        "was received before: its CPU is that of both. Afterwards every lead that was answered for is found in Kafka, and "
        "has one outcome.",
    ]
    return "\n".join(lines) + "\n"


def _intake_row(runs: Sequence[IntakeRun]) -> str:
    cpu = {name: median(run.cpu_us.get(name, 0.0) for run in runs) for name in ("capture", "kafka", "postgres")}
    return (
        f"| {runs[0].shape} | {runs[0].connections} | {_median(runs, 'requests_rate'):,.0f} | {_median(runs, 'leads_rate'):,.0f} "
        f"| {_median(runs, 'p50_ms'):.1f} | {_median(runs, 'p99_ms'):.1f} | {cpu['capture']:.0f} | {cpu['kafka']:.0f} "
        f"| {cpu['postgres']:.0f} | {_right(runs)} |"
    )


def _right(runs: Sequence[Any]) -> str:
    faults = sorted({fault for run in runs for fault in run.faults})
    return f"**FAILED**: {'; '.join(faults)}" if faults else "right"


def crm_table(found: Comparison) -> str:
    """Leads created and converted through a CRM's interface, and through ours."""
    lines = [
        f"## Beside a CRM: leads created and converted over HTTP, {CONNECTIONS} connections",
        "",
        "| | leads a call | leads | leads/s | CPU µs a lead | Postgres µs a lead | output |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {r.product} | {r.at_once} | {r.leads:,} | {r.rate:,.0f} | {r.product_us:,.0f} | {r.postgres_us:,.0f} "
            f"| {_right([r])} |"
            for r in found.runs
        ),
        "",
        *_crm_ratios(found),
        "Tryton: parties, opportunities, the two steps to a sale, by JSON-RPC under gunicorn with 4 workers. Leadstream: "
        "from the first request until the last conversion is stored; scored, routed and reported too.",
        "",
        f"### {found.killed[0].leads} leads from clients that retry, the server killed meanwhile",
        "",
        "| | kills | leads doubled | parties doubled | leads not converted |",
        "|---|---|---|---|---|",
        *(f"| {k.product} | {k.kills} | {k.doubled} | {k.doubled_parties} | {k.unconverted} |" for k in found.killed),
    ]
    return "\n".join(lines) + "\n"


def _crm_ratios(found: Comparison) -> list[str]:
    """How many times as fast, one by one and in batches."""
    theirs, mine = ([run for run in found.runs if run.product == name] for name in (THEIRS, OURS))
    return [
        f"{how}: {ours.rate / their.rate:,.0f} times the leads a second, {(their.product_us + their.postgres_us) / (ours.product_us + ours.postgres_us):,.0f} "
        "times as many a CPU second.\n"
        for how, ours, their in zip(("One by one", "In batches"), mine, theirs, strict=True)
    ]


def idle_table(rows: Sequence[Idle], seconds: float) -> str:
    """Memory and CPU at rest."""
    total = Idle(
        "all",
        sum(row.resident_mib for row in rows),
        sum(row.proportional_mib for row in rows),
        sum(row.cpu_percent for row in rows),
    )
    lines = [
        f"## At rest, over {seconds:.0f} s",
        "",
        "| | resident MiB | proportional MiB | CPU, % of a core |",
        "|---|---|---|---|",
        *(
            f"| {r.name} | {r.resident_mib:.0f} | {r.proportional_mib:.0f} | {r.cpu_percent:.1f} |"
            for r in (*rows, total)
        ),
    ]
    return "\n".join(lines) + "\n"
