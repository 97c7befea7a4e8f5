"""The sales pipeline: stages in order, how likely each is to be won, which are the end, and which moves are allowed.

Stages are rules (kind `pipeline`). An opportunity keeps the version of the pipeline that it began in: what is published
later is for opportunities that begin later, and a changed default never rewrites the probability that one was given.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from shared.rules import ABSENT, LoadedRules, RuleModel, RuleSetHeader, Text, load_rule_document
from shared.rules.problems import RuleFault

KIND: Final = "pipeline"
LONGEST_NAME: Final = 100
MOST_STAGES: Final = 50
WON: Final = 100
LOST: Final = 0

StageName = Annotated[Text, Field(max_length=LONGEST_NAME)]
Outcome = Literal["won", "lost"]


def _folded(name: str) -> str:
    return name.strip().casefold()


class StageRule(RuleModel):
    """One stage as it is written."""

    name: StageName
    """Unique in its pipeline, whatever its case."""
    probability: Annotated[int, Field(ge=LOST, le=WON)] = ABSENT
    """In percent, of an open stage 1 to 99. A stage that is won has 100, one that is lost 0, written or not."""
    outcome: Outcome = ABSENT
    """Of a stage that ends the sale: `won` or `lost`. Absent: it is open."""
    description: Annotated[str, Field(max_length=1000)] | None = None


class PipelineRules(RuleSetHeader):
    """The stages in order: open ones, then at least one that is won and one that is lost."""

    kind: Literal["pipeline"]
    name: Annotated[Text, Field(max_length=LONGEST_NAME)] = "default"
    stages: Annotated[tuple[StageRule, ...], Field(min_length=1, max_length=MOST_STAGES)]

    def find_faults(self) -> Iterable[RuleFault]:
        """Names that are used twice, probabilities that say otherwise than the outcome, open stages behind the end, and
        ends that are not there."""
        names: set[str] = set()
        ended = False
        for index, stage in enumerate(self.stages):
            path = ("stages", index)
            if not (stage.name.strip() and stage.name.isprintable()):
                yield RuleFault((*path, "name"), "a name of printable characters", None, "another text")
            if _folded(stage.name) in names:
                yield RuleFault((*path, "name"), "a name that is used once", None, "a duplicate")
            names.add(_folded(stage.name))
            yield from _probability_faults(stage, path)
            if stage.outcome is None and ended:
                yield RuleFault(path, "open stages before those that are won or lost", None, "an open one behind them")
            ended = ended or stage.outcome is not None
        if self.stages[0].outcome is not None:
            yield RuleFault(("stages", 0), "an open stage to begin with", None, "one that ends the sale")
        outcomes = {stage.outcome for stage in self.stages}
        for outcome in ("won", "lost"):
            if outcome not in outcomes:
                yield RuleFault(("stages",), f"a stage with outcome: {outcome}", None, "none")


def _probability_faults(stage: StageRule, path: tuple[str | int, ...]) -> Iterable[RuleFault]:
    place = (*path, "probability")
    if stage.outcome is not None:
        certain = WON if stage.outcome == "won" else LOST
        if stage.probability not in (None, certain):
            yield RuleFault(place, f"{certain}, or nothing, for a stage that is {stage.outcome}", None, "another one")
    elif stage.probability is None:
        yield RuleFault(path, "a probability of 1 to 99 for an open stage", None, "none")
    elif not LOST < stage.probability < WON:
        hint = "write outcome: won or outcome: lost for a stage that ends the sale"
        yield RuleFault(place, "1 to 99 for an open stage", hint, "another one")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. `probability` in percent; 100 is won, 0 is lost, all between are open."""

    name: str
    probability: int

    @property
    def closed(self) -> bool:
        """Whether it ends the sale."""
        return self.probability in (WON, LOST)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages in order and the version that they came from (`RulesUsed` as a dict); None: those that Leadstream shipped
    before stages were rules."""

    stages: tuple[Stage, ...]
    rules: dict[str, Any] | None = None
    _by_name: Mapping[str, Stage] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {_folded(stage.name): stage for stage in self.stages}
        object.__setattr__(self, "_by_name", MappingProxyType(by_name))

    @property
    def first(self) -> Stage:
        """Where an opportunity begins."""
        return self.stages[0]

    def find(self, name: str) -> Stage | None:
        """The stage of this name, whatever its case; None when the pipeline has none."""
        return self._by_name.get(_folded(name))


# By the names that Salesforce and SuiteCRM ship; the probabilities are SuiteCRM's. Opportunities that do not say which
# pipeline they began in began in this one, so it is never changed.
UNNAMED: Final = Pipeline(
    (
        Stage("Prospecting", 10),
        Stage("Qualification", 20),
        Stage("Needs Analysis", 25),
        Stage("Value Proposition", 30),
        Stage("Id. Decision Makers", 40),
        Stage("Perception Analysis", 50),
        Stage("Proposal/Price Quote", 65),
        Stage("Negotiation/Review", 80),
        Stage("Closed Won", WON),
        Stage("Closed Lost", LOST),
    )
)


def load_pipeline(text: str | bytes, file: str) -> LoadedRules[PipelineRules]:
    """A pipeline document, checked. Raises RuleFileError."""
    return load_rule_document(text, PipelineRules, file=file)


def compile_pipeline(document: PipelineRules, rules: dict[str, Any] | None) -> Pipeline:
    """The pipeline to decide by. `rules` names the version in what is published."""
    return Pipeline(tuple(Stage(stage.name.strip(), _probability(stage)) for stage in document.stages), rules)


def _probability(stage: StageRule) -> int:
    if stage.outcome is None:
        return stage.probability
    return WON if stage.outcome == "won" else LOST


def may_move(current: Stage, wanted: Stage) -> bool:
    """Open stages move freely and may close; a closed opportunity is reopened first, never turned from won to lost."""
    return current == wanted or not (current.closed and wanted.closed)
