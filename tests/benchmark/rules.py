"""What rules cost: CPU a lead by kind and number of rules, and what reading so many takes. No server is asked."""

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from services.routing.domain.assignment import find_match
from services.routing.domain.catalogue import facts_of
from services.routing.domain.rules import compile_assignment_rules, load_assignment_rules
from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.scoring import compile_model, weigh

LEADS: Final = 5_000
INDUSTRIES: Final = 500
MOST_READ: Final = 10_000
Rule = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RulesRun:
    """CPU a lead with so many rules; and, where that was measured, what reading and compiling them takes."""

    name: str
    rules: int
    first_us: float
    """When none of the leads was met before."""
    cpu_us: float
    beyond_empty_us: float | None = None
    """A rule, beyond a model without any."""
    read_s: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(runs: int, leads: int = LEADS) -> list[RulesRun]:
    """Every case, with leads whose titles, sizes and industries differ."""
    given = _leads(leads)
    empty = _scoring_us([], given, runs)
    found = [RulesRun("scoring, no rules", 0, *empty)]
    for name, make in (("scoring, by industry", by_industry), ("scoring, by title and size", by_title)):
        for count in (50, 500):
            cost = _scoring_us(make(count), given, runs)
            found.append(RulesRun(name, count, *cost, (cost[1] - empty[1]) / count))
    for rules in (by_industry(50), by_industry(500), one_industry_each(MOST_READ)):
        before = time.process_time()
        policy = _policy(rules)
        read_s = time.process_time() - before
        facts = [facts_of(lead, {"grade": "A"}) for lead in given]
        cost = _least(lambda policy=policy, facts=facts: [find_match(each, policy) for each in facts], leads, runs)  # type: ignore[misc]
        found.append(RulesRun("assignment, by industry", len(rules), *cost, None, read_s))
    return found


def by_industry(count: int) -> list[Rule]:
    """Rules of which each is about one industry."""
    return [
        {"id": f"r{n}", "when": {"all": [
            {"field": "company.industry", "eq": f"Industry {n % INDUSTRIES}"},
            {"field": "company.employees", "gte": 10 * (n // INDUSTRIES + n % 7)},
            {"field": "title", "contains": ("manager", "head", "director")[n % 3]},
        ]}}
        for n in range(count)
    ]  # fmt: skip


def one_industry_each(count: int) -> list[Rule]:
    """The same with nothing but the industry asked."""
    return [
        {"id": f"r{n}", "when": {"field": "company.industry", "eq": f"Industry {n % (2 * INDUSTRIES)}"}}
        for n in range(count)
    ]


def by_title(count: int) -> list[Rule]:
    """Rules that no value of a field rules out: each has to be tried."""
    return [
        {"id": f"r{n}", "when": {"all": [
            {"field": "title", "contains": f"specialist {n}"}, {"field": "company.employees", "gte": n},
        ]}}
        for n in range(count)
    ]  # fmt: skip


def _leads(count: int) -> list[dict[str, Any]]:
    rng = random.Random(7)
    ranks = ("Manager", "Head", "Director", "Specialist", "Intern")
    return [
        {
            "lead_id": f"{n:032x}",
            "title": f"{rng.choice(ranks)} {rng.randrange(400)}",
            "company": {"name": f"Company {n}", "employees": rng.randrange(3000),
                        "industry": f"Industry {rng.randrange(INDUSTRIES)}"},
            "touch_count": 1,
        }
        for n in range(count)
    ]  # fmt: skip


def _scoring_us(rules: Sequence[Rule], leads: Sequence[Mapping[str, Any]], runs: int) -> tuple[float, float]:
    text = _written({"kind": "scoring", "rules": [{**rule, "points": 1} for rule in rules]})
    model = compile_model(load_scoring_model(text), version=1)
    return _least(lambda: [weigh(lead, model) for lead in leads], len(leads), runs)


def _policy(rules: Sequence[Rule]) -> Any:
    text = _written(
        {"kind": "assignment", "queues": {"a": {}}, "default": {"queue": "a"},
         "rules": [{**rule, "assign": {"queue": "a"}} for rule in rules]}
    )  # fmt: skip
    loaded = load_assignment_rules(text, "rules.yaml")
    return compile_assignment_rules(loaded.model, version=1, content_hash=loaded.content_hash)


def _written(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))  # JSON is YAML, and short: a document has a most size


def _least(work: Callable[[], object], leads: int, runs: int) -> tuple[float, float]:
    """The first time, and the least of the runs after it."""
    first = _cpu_s(work)
    return first / leads * 1e6, min(_cpu_s(work) for _ in range(max(1, runs))) / leads * 1e6


def _cpu_s(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def table(runs: Sequence[RulesRun]) -> str:
    """The figures for readers."""
    lines = [
        f"## Rules ({LEADS:,} leads of {INDUSTRIES} industries)",
        "",
        "| rules | number | µs a lead, at first | µs a lead, again | µs a rule beyond none | read and compiled, s |",
        "|---|---|---|---|---|---|",
        *(
            f"| {run.name} | {run.rules:,} | {run.first_us:.2f} | {run.cpu_us:.2f} | {_shown(run.beyond_empty_us)} | {_shown(run.read_s)} |"
            for run in runs
        ),
    ]
    said = "CPU. Again: the least of the runs with the same leads, whose verdicts are found again where there are few conditions."
    return "\n".join([*lines, "", said]) + "\n"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
