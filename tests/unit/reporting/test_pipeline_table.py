"""Opportunities by stage, purely: what is read of an event, what stands of several, the rows of the table."""

from decimal import Decimal
from typing import Any

import orjson
import pytest

from services.reporting.domain.sales import Sale, newest_sales, pipeline_table, sale_said

ID = "0b0e7a9e-3c63-5b39-8ee6-1f8f6f7a2c11"
SAID: dict[str, Any] = {
    "opportunity_id": ID,
    "stage": "Viewing",
    "probability": 30,
    "amount": "5.00",
    "currency": "USD",
}


def said(event_type: str = "opportunity.changed", **fields: Any) -> Sale | None:
    return sale_said(event_type, orjson.dumps({**SAID, **fields}))


def test_a_conversion_names_the_pipeline_and_the_change_that_came_with_it_says_nothing_new() -> None:
    assert said("opportunity.converted", pipeline={"name": "homes"}) == Sale(
        ID, 1, "homes", "Viewing", 30, Decimal("5.00"), "USD"
    )
    before = said("opportunity.converted", pipeline=None)
    assert before is not None and before.pipeline == "default"
    assert said(opportunity_version=1) is None
    later = said(opportunity_version=2)
    assert later is not None and later.pipeline is None


@pytest.mark.parametrize(
    "fields",
    [
        {"opportunity_id": "x"}, {"probability": 101}, {"probability": None}, {"opportunity_version": 2**31},
        {"opportunity_version": -1}, {"stage": None}, {"amount": "much"},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_no_sale(fields: dict[str, Any]) -> None:
    assert said(**{"opportunity_version": 2, **fields}) is None
    assert sale_said("opportunity.changed", b"{") is None


def test_what_no_amount_is_counts_without_one() -> None:
    found = said(opportunity_version=2, amount="NaN", stage="a\x00b")
    assert found is not None and found.amount is None and "\x00" not in found.stage


def test_events_of_other_things_are_not_read() -> None:
    assert sale_said("lead.captured", b"no JSON") is None


def test_the_newest_stands_and_keeps_its_pipeline_whatever_comes_first() -> None:
    old, new = Sale(ID, 1, "homes", "Viewing", 30, None, None), Sale(ID, 3, None, "Signed", 100, None, None)
    for order in ([old, new], [new, old]):
        assert newest_sales(order) == [new._replace(pipeline="homes")]


def counted(pipeline: str, stage: str, probability: int, amount: str | None, currency: str | None) -> dict[str, Any]:
    worth = None if amount is None else Decimal(amount)
    return {"pipeline": pipeline, "stage": stage, "probability": probability, "opportunities": 1, "amount": worth,
            "currency": currency}  # fmt: skip


def test_rows_go_from_the_first_stage_to_the_end_and_currencies_stay_apart() -> None:
    rows = pipeline_table(
        [
            counted("homes", "Withdrawn", 0, None, None),
            counted("homes", "Signed", 100, "1", "EUR"),
            counted("homes", "Viewing", 30, "10.01", "USD"),
            counted("homes", "Viewing", 30, "7", "EUR"),
            counted("cars", "Talk", 10, None, None),
        ]
    )
    assert [(row["pipeline"], row["stage"], row["opportunities"]) for row in rows] == [
        ("cars", "Talk", 1),
        ("homes", "Viewing", 2),
        ("homes", "Signed", 1),
        ("homes", "Withdrawn", 1),
    ]
    assert (rows[1]["amount"], rows[1]["expected"]) == ("7 EUR, 10.01 USD", "2.10 EUR, 3.00 USD")
