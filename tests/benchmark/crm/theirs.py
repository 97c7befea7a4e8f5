"""Leads through Tryton: a party with its address and e-mail, an opportunity, which is then qualified and converted."""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import Any, Final

from tests.benchmark.crm.http import CONNECTIONS, Client, shared_out, until_answered
from tests.benchmark.crm.tryton import Tryton

AT_ONCE: Final = 50


async def create_and_convert(
    tryton: Tryton, numbers: Sequence[int], *, at_once: int = 1, clients: int = CONNECTIONS, killed: bool = False
) -> None:
    """Every lead created and converted, `at_once` a call. `killed`: the server is, meanwhile."""
    groups = [numbers[n : n + at_once] for n in range(0, len(numbers), at_once)]
    await shared_out(
        groups,
        tryton.client,
        lambda client, group: _bring_through(tryton, client, group, killed=killed),
        clients=clients,
    )


def _bring_through(tryton: Tryton, client: Client, numbers: Sequence[int], *, killed: bool) -> None:
    """Four calls; each is repeated until it is answered."""

    def call(method: str, *params: Any) -> Any:
        return until_answered(lambda: tryton.call(client, method, *params))

    parties = call("party.party.create", [_party(n) for n in numbers])
    leads = call(
        "sale.opportunity.create",
        [_opportunity(n, party, tryton.context) for n, party in zip(numbers, parties, strict=True)],
    )
    for step in ("opportunity", "convert"):
        # Refused on a second try, when the first was carried out and never answered: what became of it is counted.
        with suppress(ValueError) if killed else nullcontext():
            call(f"sale.opportunity.{step}", leads)


def _party(n: int) -> dict[str, Any]:
    return {
        "name": f"Person {n}",
        "addresses": [["create", [{"city": "Springfield"}]]],
        "contact_mechanisms": [["create", [{"type": "email", "value": f"person{n}@company{n}.com"}]]],
    }


def _opportunity(n: int, party: int, context: dict[str, Any]) -> dict[str, Any]:
    return {
        "party": party,
        "reference": f"lead-{n}",
        "description": "We are looking for a system for our sales team",
        "amount": {"__class__": "Decimal", "decimal": "60000"},
        "company": context["company"],
        "employee": context["employee"],
    }
