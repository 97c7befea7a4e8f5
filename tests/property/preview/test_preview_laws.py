"""A preview of the live rules gives live scoring's scores, at every state and now: bots, corrections and merges included, in
whatever order the past is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from services.preview.books import Rules, read_live
from services.preview.judging import Judge
from services.preview.leads import RuleDocument
from services.preview.past import Past
from services.reporting.domain.bundles import Entry
from services.routing.domain.roster import Member, Roster
from services.scoring.domain.behaved import BehavedLead, CorrectedBehaviour
from services.scoring.domain.behaviour import Log, note_corrected, note_told
from services.scoring.domain.inbound import CapturedLead
from services.scoring.domain.standing import Standing, score_captured, score_merged, weigh_stored
from shared.contracts import ids
from shared.contracts.envelope import rfc3339
from shared.contracts.thin import MergedLead
from tests.support.scoring import lead, lead_id, origin

START = datetime(2026, 1, 5, 10, tzinfo=UTC)
KINDS = ("page.viewed", "form.submitted", "note.added")
LEADS = (1, 2, 3)
BESIDE = {
    "assignment": RuleDocument("{kind: assignment, queues: {rest: {}}, default: {queue: rest}}", 1),
    "gate": RuleDocument("{kind: gate, min_score: 50, criteria: []}", 1),
}
DAYS = 120

hours = st.integers(1, DAYS * 24 - 1)
once_per = st.sampled_from(["event", "asset", "day", "ever"])
conditions = st.sampled_from([{"always": True}, {"field": "event.category", "eq": "pricing"}])


@st.composite
def behaviour_rules(draw: st.DrawFn, name: str) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{name}{n}",
            "event": draw(st.sampled_from([KINDS[0], KINDS[1], list(KINDS[:2])])),
            "when": draw(conditions),
            "points": draw(st.integers(-30, 60).filter(bool)),
            "once_per": draw(once_per),
            "cap": draw(st.integers(5, 90)),
            "window_days": draw(st.integers(1, DAYS)),
            **draw(st.sampled_from([{}, {"decay": {"half_life_days": 20}}, {"decay": {"linear_days": 45}}])),
        }
        for n in range(draw(st.integers(1, 3)))
    ]


@st.composite
def documents(draw: st.DrawFn) -> str:
    document = {
        "kind": "scoring",
        "rules": [{"id": "manager", "points": 20, "when": {"field": "title", "contains": "manager"}}],
        "behaviour": draw(behaviour_rules("b")),
        "limits": {"total": {"max": 150}},
        "grades": {"by": "total", "A": 60, "B": 40, "C": 20},
        "temperature": draw(st.sampled_from([{"by": "score"}, {"by": "activity", "hot_days": 3, "warm_days": 30}])),
    }
    if draw(st.booleans()):
        when = {"field": "title", "contains": "chief"}
        document["personas"] = [{"id": "chief", "when": when, "behaviour": draw(behaviour_rules("p"))}]
    return orjson.dumps(document).decode()


@dataclass
class History:
    """Events by the hour at which they happened, as scoring takes them at that hour, and as reporting stores them."""

    events: list[tuple[int, str, int, str, dict[str, Any]]] = field(default_factory=list)

    def add(self, hour: int, event_type: str, n: int, data: dict[str, Any]) -> str:
        event_id = ids.root_event_id("law", f"{len(self.events)}")
        self.events.append((hour, event_type, n, event_id, data))
        return event_id

    def in_order(self) -> list[tuple[int, str, int, str, dict[str, Any]]]:
        """As scoring meets them: of one instant what was done first, and states after that."""
        return sorted(self.events, key=lambda event: (event[0], event[1] in ("lead.captured", "lead.merged")))

    def entries(self) -> list[Entry]:
        return [
            Entry(
                event_id, kind, "t", 0, at, int(instant(hour).timestamp()) * 10**6, None, lead_id(n), True, dumped(data)
            )
            for at, (hour, kind, n, event_id, data) in enumerate(self.events)
        ]


def instant(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def dumped(data: Mapping[str, Any]) -> bytes:
    return orjson.dumps(data)


@st.composite
def histories(draw: st.DrawFn) -> History:
    made, versions = History(), dict.fromkeys(LEADS, 0)
    titles = st.sampled_from(["Marketing Manager", "Chief Buyer", "Clerk"])
    came = sorted(draw(st.lists(st.tuples(hours, st.sampled_from(LEADS)), max_size=2)))
    for hour, n in [*((0, n) for n in LEADS), *came]:
        versions[n] += 1
        state = lead(n, title=draw(titles))
        said = {**origin(n), "received_at": rfc3339(instant(hour) - timedelta(minutes=2))}
        made.add(hour, "lead.captured", n, {"lead": state, "lead_version": versions[n], "origin": said})
    for _ in range(draw(st.integers(0, 8))):
        hour, n = draw(hours), draw(st.sampled_from(LEADS))
        did = {
            "lead_id": lead_id(n), "kind": draw(st.sampled_from(KINDS)), "occurred_at": rfc3339(instant(hour)),
            "category": draw(st.sampled_from(["pricing", "blog"])), "human": draw(st.booleans()),
        }  # fmt: skip
        event_id = made.add(hour, "lead.behaved", n, did)
        for change in draw(st.lists(st.sampled_from(["reclassified", "retracted"]), max_size=2)):
            later = hour + draw(st.integers(1, 200))
            said = {
                "lead_id": lead_id(n), "corrects": event_id, "change": change, "kind": did["kind"],
                "occurred_at": did["occurred_at"], "human": draw(st.booleans()), "reason": "law",
                "corrected_at": rfc3339(instant(later)),
            }  # fmt: skip
            made.add(later, "behaviour.corrected", n, said)
    last = max([DAYS * 24, *(hour for hour, *_ in made.events)])
    for n, (loser, winner) in enumerate(draw(st.sampled_from([[], [(2, 1)], [(2, 1), (3, 1)], [(3, 2), (2, 1)]]))):
        versions[winner] += 1
        said = {
            "winner_id": lead_id(winner), "loser_id": lead_id(loser), "lead": lead(winner, title="Chief Buyer"),
            "lead_version": versions[winner], "merged_at": rfc3339(instant(last + n)),
        }  # fmt: skip
        made.add(last + n, "lead.merged", winner, said)
    return made


class Live:
    """What scoring makes of a history whose events it meets as they happen: by its domain, without its tables."""

    def __init__(self, rules: Rules) -> None:
        self._model = rules.model
        self._standings = {lead_id(n): Standing(lead_id(n)) for n in LEADS}
        self._logs: dict[str, Log] = {lead_id(n): {} for n in LEADS}
        self.winner_of: dict[str, str] = {}
        self.states: dict[tuple[str, int], tuple[int, str]] = {}

    def take(self, hour: int, event_type: str, event_id: str, value: bytes) -> None:
        now = rfc3339(instant(hour))
        if event_type == "lead.behaved":
            told = BehavedLead.model_validate_json(value)
            note_told(self._logs[told.lead_id], event_id, told)
        elif event_type == "behaviour.corrected":
            said = CorrectedBehaviour.model_validate_json(value)
            note_corrected(self._logs[said.lead_id], said)
        elif event_type == "lead.captured":
            captured = CapturedLead.model_validate_json(value)
            standing = self._with_logs(captured.lead_id)
            weighed = score_captured(standing, captured, self._model, redirected=False, now=now)
            self._note(standing, weighed.score)
        else:
            merged = MergedLead.model_validate_json(value)
            self.winner_of[merged.loser_id] = merged.winner_id
            standing = self._with_logs(merged.winner_id)
            found = score_merged(standing, self._standings[merged.loser_id], merged, self._model, now=now)
            assert found is not None
            self._note(standing, found.score)

    def now(self, lead: str, hour: int) -> tuple[int, str]:
        score = weigh_stored(self._with_logs(lead), self._model, now=rfc3339(instant(hour))).score
        return score["value"], score["grade"]

    def _with_logs(self, lead: str) -> Standing:
        standing = self._standings[lead]
        standing.logs = {each: log for each, log in self._logs.items() if self._survivor(each) == lead}
        return standing

    def _survivor(self, lead: str) -> str:
        return self._survivor(self.winner_of[lead]) if lead in self.winner_of else lead

    def _note(self, standing: Standing, score: Mapping[str, Any]) -> None:
        self.states[standing.lead_id, standing.lead_version] = score["value"], score["grade"]


def give(past: Past, entry: Entry) -> None:
    """As reporting keeps it: exceptions have a row, all else is in a bundle."""
    if entry.type in ("behaviour.corrected", "lead.merged"):
        facts = orjson.loads(entry.value)
        past.take_event({"type": entry.type, "lead_id": entry.lead_id, "at": entry.at, "facts": facts, "personal": {}})
    else:
        past.take_bundle([entry])


@settings(max_examples=50, deadline=None)
@given(documents(), histories(), st.randoms(use_true_random=False))
def test_a_preview_of_the_live_model_gives_the_live_scores(document: str, history: History, random: Any) -> None:
    rules, _ = read_live({**BESIDE, "scoring": RuleDocument(document, 1)})
    live = Live(rules)
    for hour, event_type, _, event_id, data in history.in_order():
        live.take(hour, event_type, event_id, dumped(data))
    end = max(hour for hour, *_ in history.events) + 50

    judge = Judge(rules, Roster.of([Member("ann", True, ("sales",))]))
    past = Past(judge, judge, as_of_ms=int(instant(end).timestamp() * 1000))
    standing = [lead_id(n) for n in LEADS if lead_id(n) not in live.winner_of]
    past.want(b"".join(UUID(each).bytes for each in standing))
    past.want_merged(b"".join(UUID(each).bytes + UUID(live._survivor(each)).bytes for each in live.winner_of))
    entries = history.entries()
    for entry in random.sample([*entries, *entries[:3]], len(entries) + 3):
        give(past, entry)

    assert past.unreadable == 0
    for lived in past.leads():
        assert (lived.now.live.value, lived.now.live.grade) == live.now(lived.lead_id, end)
        for state in lived.states:
            judged = state.judged.live
            assert (judged.value, judged.grade) == live.states[lived.lead_id, state.version]
