"""What is left of a conversion, an account and a contact when the person is erased: ids, money, stages, dates, sources.

A company is nobody's personal data: an account keeps what it knows of one. What it was given by this lead of the person
(phone, address) goes, and an account that is the person goes whole.
"""

from typing import Any, Final

import orjson

from services.conversion.domain.mapping import ACCOUNT, PERSON_ACCOUNT

ERASED_NAME: Final = "erased"
_TOUCH: Final = frozenset(
    {"at", "source", "channel", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"}
)
_OF_PERSON: Final = {said: target for source, target, said in ACCOUNT if source in ("phone", "address")}
_PERSONS_NAME: Final = next(said for source, _, said in PERSON_ACCOUNT if source == "name")
_COMPANYS_NAME: Final = "lead.company.name -> opportunity.name"
_KEPT_OF_CONTACT: Final = ("source", "owner")


def redacted_event(event: bytes, *, event_id: str | None = None) -> bytes:
    """The data of `opportunity.converted` without the person, under another event's id where one is given. Again, it is the
    same."""
    said = orjson.loads(event)
    touch = said.get("first_touch")
    said["lead_snapshot"] = None
    said["first_touch"] = {name: touch[name] for name in touch if name in _TOUCH} if isinstance(touch, dict) else None
    if _COMPANYS_NAME not in said.get("fields_mapped", ()):
        said["name"] = ERASED_NAME
    if event_id is not None:
        said["event_id"] = event_id
    return orjson.dumps(said)


def is_person(fields_mapped: list[str]) -> bool:
    """Whether the account that a conversion made or filled is the person."""
    return _PERSONS_NAME in fields_mapped


def redacted_account(facts: dict[str, Any], fields_mapped: list[str]) -> dict[str, Any]:
    """An account without what this conversion copied of the person."""
    if is_person(fields_mapped):
        return {"name": ERASED_NAME, **({"owner": facts["owner"]} if "owner" in facts else {})}
    gone = {target for said, target in _OF_PERSON.items() if said in fields_mapped}
    return {name: value for name, value in facts.items() if name not in gone}


def redacted_contact(facts: dict[str, Any]) -> dict[str, Any]:
    """A contact without the person."""
    return {name: facts[name] for name in _KEPT_OF_CONTACT if name in facts}
