"""When a lane asks Postgres for decisions that stand already, and when it need not."""

from shared.handling.records import Record
from shared.messaging.novelty import Novelty, Span, come_twice, spans_of
from shared.persistence.marks import Place

ONE, TWO = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
PLACE = Place(ONE, 0, "t")


def record(offset: int, partition: int = 0, topic_id: str = ONE, event_id: str = "") -> Record:
    return Record("t", topic_id, partition, offset, 0, None, None, (), event_id or f"e{offset}", "", "", "", "")


def test_spans_take_records_in_any_order() -> None:
    batch = [record(5), record(4, 1), record(3), record(9), record(1, 0, TWO)]
    assert spans_of(batch) == {PLACE: Span(3, 10), Place(ONE, 1, "t"): Span(4, 5), Place(TWO, 0, "t"): Span(1, 2)}


def test_only_what_follows_ones_own_last_batch_is_taken_for_new() -> None:
    novelty = Novelty()
    assert not novelty.expects({PLACE: Span(0, 5)})
    novelty.stored({PLACE: Span(0, 5)})
    assert novelty.expects({PLACE: Span(5, 9)})
    assert not novelty.expects({PLACE: Span(4, 9)})
    assert not novelty.expects({PLACE: Span(5, 9), Place(TWO, 0, "t"): Span(0, 1)})
    novelty.forget()
    assert not novelty.expects({PLACE: Span(5, 9)})


def test_a_stream_with_repetitions_is_asked_about_until_they_end() -> None:
    novelty = Novelty()
    novelty.stored({PLACE: Span(0, 5)})
    novelty.disappointed()
    asked = 0
    while not novelty.expects({PLACE: Span(5, 9)}):
        novelty.asked(found=False)
        asked += 1
    assert asked == 50
    novelty.asked(found=True)
    assert not novelty.expects({PLACE: Span(5, 9)})


def test_one_event_twice_in_a_batch_is_noticed() -> None:
    assert not come_twice([record(1), record(2)])
    assert come_twice([record(1, event_id="e"), record(2, event_id="e")])
