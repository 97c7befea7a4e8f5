"""What holds for every amount, every record and every batch of leads."""

from decimal import Decimal
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.conversion.domain.converting import Wanted, convert_all
from services.conversion.domain.leads import of_merge
from services.conversion.domain.mapping import ACCOUNT, CONTACT, NEW_CONTACT, OPPORTUNITY, fill_blanks, is_blank, tell
from services.conversion.domain.matching import PartyBook, is_contact_key
from services.conversion.domain.money import amount_text, expected_revenue, parse_amount
from services.conversion.domain.pipeline import UNNAMED
from shared.contracts.events.conversion import OpportunityConverted
from tests.support.conversion import lead_id

amounts = st.decimals(min_value=0, max_value=10**15 - 1, places=2, allow_nan=False, allow_infinity=False)
values = st.one_of(
    st.none(), st.text(max_size=5), st.integers(), st.booleans(), st.lists(st.text(max_size=3), max_size=2)
)
records = st.dictionaries(
    st.sampled_from(["name", "phone", "industry", "employees", "title", "email", "owner", "source", "lines"]), values
)
sources = st.fixed_dictionaries(
    {},
    optional={
        "company": st.dictionaries(st.sampled_from(["name", "website", "domain", "industry", "employees"]), values),
        "address": st.one_of(st.none(), st.dictionaries(st.sampled_from(["street", "city"]), values)),
        "phone": values, "name": values, "owner": values, "title": values, "products": values,
    },
)  # fmt: skip


@given(amounts)
def test_an_amount_survives_its_text(amount: Decimal) -> None:
    text = amount_text(amount)
    assert "E" not in text and parse_amount(text) == amount


@given(st.text())
def test_any_text_is_an_amount_or_none(text: str) -> None:
    amount = parse_amount(text)
    assert amount is None or (amount.is_finite() and amount >= 0)


@given(amounts, st.sampled_from(UNNAMED.stages))
def test_expected_revenue_is_exact_to_half_a_cent_and_within_the_amount(amount: Decimal, stage: Any) -> None:
    revenue = expected_revenue(amount, stage.probability)
    assert abs(revenue * 100 - amount * stage.probability) <= Decimal("0.5")
    assert revenue == revenue.quantize(Decimal("0.01")) and 0 <= revenue <= amount


@given(records, sources, st.sampled_from([ACCOUNT, CONTACT, NEW_CONTACT, OPPORTUNITY]))
def test_filling_overwrites_nothing_says_what_it_copied_and_is_done_once(
    facts: dict[str, Any], source: dict[str, Any], table: Any
) -> None:
    before = dict(facts)
    copied = fill_blanks(facts, tell(source), table)
    assert all(facts[name] == value for name, value in before.items() if not is_blank(value))
    changed = {name for name in facts if facts[name] != before.get(name)}
    assert changed <= {said.rpartition(".")[2] for said in copied}
    assert fill_blanks(facts, tell(source), table) == []


companies = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"name": st.sampled_from(["Acme", "Beta", " "])},
        optional={"domain": st.sampled_from(["acme.example", "beta.example", "gmail.com"])},
    ),
)
people = st.fixed_dictionaries(
    {
        "company": companies,
        "emails": st.lists(st.sampled_from(["a@x.example", "b@x.example", "c@x.example"]), unique=True, max_size=2),
        "phones": st.lists(st.sampled_from(["+1", "+2"]), unique=True, max_size=2),
        "last_name": st.sampled_from(["Lee", "Kim", None]),
    }
)


def _wanted(number: int, person: dict[str, Any]) -> Wanted:
    lead = {"lead_id": lead_id(number), "email": next(iter(person["emails"]), None), **person}
    state = of_merge(lead_id(number), 1, lead)
    used = {"kind": "gate", "name": "default", "version": 1, "content_hash": "00"}
    return Wanted(state, "gate", lead_id(number), (), used)


@given(st.lists(people, max_size=8))
def test_any_batch_leaves_every_key_with_a_party_that_exists(batch: list[dict[str, Any]]) -> None:
    book = PartyBook()
    wanted = [_wanted(number, person) for number, person in enumerate(batch)]
    for one in wanted:  # as the adapter reserves them: for the first lead that wants a key
        for key in one.contact_keys:
            book.holders.setdefault(key, one.new_contact_id)
        for key in one.account_keys:
            book.holders.setdefault(key, one.new_account_id)
    converted = convert_all(wanted, book, UNNAMED, now="2026-01-05T10:00:00Z")
    for key, party_id in book.holders.items():
        assert party_id in (book.contacts if is_contact_key(key) else book.accounts)
    assert len(book.accounts) == sum(account.created for account in book.accounts.values())
    for each in converted:
        assert each.opportunity.account_id in book.accounts and each.opportunity.contact_id in book.contacts
        OpportunityConverted.model_validate_json(each.conversion.event)
    created = [orjson.loads(one.conversion.event)["account_created"] for one in converted]
    assert sum(created) == len(book.accounts)


@given(st.lists(people, max_size=8))
def test_one_domain_is_one_account(batch: list[dict[str, Any]]) -> None:
    wanted = [_wanted(number, person) for number, person in enumerate(batch)]
    converted = convert_all(wanted, PartyBook(), UNNAMED, now="2026-01-05T10:00:00Z")
    by_domain: dict[str, set[str]] = {}
    for person, one in zip(batch, converted, strict=True):
        domain = (person["company"] or {}).get("domain")
        if domain and domain != "gmail.com":
            by_domain.setdefault(domain, set()).add(one.opportunity.account_id)
    assert all(len(accounts) == 1 for accounts in by_domain.values())
