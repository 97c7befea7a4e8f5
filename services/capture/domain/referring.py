"""Who referred somebody, told by an address: the lead that has it, where one lead does. Nobody is guessed."""

from collections.abc import Sequence
from typing import Final

from services.capture.domain.fact_shape import Facts
from services.capture.domain.hygiene import CleanSubmission
from services.capture.domain.identifiers import is_empty_address, is_role_address
from services.capture.domain.identity import IdentityKey

_ADDRESS: Final = "email:"


def address_of_referrer(clean: CleanSubmission) -> IdentityKey | None:
    """The key to look the referrer up by; None where none is named by an address, by the person's own, or by one that is
    an office's or nobody's."""
    told = clean.facts.get("o", {}).get("referrer_ref")
    if told is None or not told.startswith(_ADDRESS):
        return None
    address = told.removeprefix(_ADDRESS)
    if address in clean.emails or is_role_address(address) or is_empty_address(address):
        return None
    return IdentityKey("email", address)


def with_referrer(clean: CleanSubmission, lead_ids: Sequence[str]) -> CleanSubmission:
    """The submission with that lead as its referrer. Several leads, or none, leave it as it came."""
    if len(lead_ids) != 1:
        return clean
    firsts = {**clean.facts["o"], "referrer_ref": f"lead:{lead_ids[0]}"}
    facts: Facts = {**clean.facts, "o": firsts}
    return clean._replace(facts=facts)
