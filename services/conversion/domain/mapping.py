"""Which lead fields go where, as tables (Salesforce's default mapping), and how: blanks are filled, nothing is
overwritten. What is mapped nowhere stays readable in the opportunity's `lead_snapshot`.
"""

from typing import Any, Final, TypeAlias

Mapping: TypeAlias = tuple[tuple[str, str, str], ...]
"""Path in the lead (`field` or `field.part`), field of the record, and both as people read it."""


def _table(record: str, *pairs: tuple[str, str]) -> Mapping:
    return tuple((source, target, f"lead.{source} -> {record}.{target}") for source, target in pairs)


ACCOUNT: Final = _table(
    "account",
    ("company.name", "name"),
    ("company.website", "website"),
    ("company.domain", "domain"),
    ("company.industry", "industry"),
    ("company.employees", "employees"),
    ("company.annual_revenue", "annual_revenue"),
    ("address", "billing_address"),
    ("phone", "phone"),
    ("owner", "owner"),
)
# Somebody without a company is an account of their own.
PERSON_ACCOUNT: Final = _table(
    "account",
    ("name", "name"),
    ("address", "billing_address"),
    ("phone", "phone"),
    ("owner", "owner"),
)
CONTACT: Final = _table(
    "contact",
    ("first_name", "first_name"),
    ("last_name", "last_name"),
    ("name", "name"),
    ("title", "title"),
    ("email", "email"),
    ("emails", "emails"),
    ("phone", "phone"),
    ("phones", "phones"),
    ("address", "mailing_address"),
    ("message", "description"),
    ("source", "source"),
    ("owner", "owner"),
)
# What a person agreed to is not changed by converting into a contact that exists.
NEW_CONTACT: Final = (*CONTACT, *_table("contact", ("consent", "consent")))
OPPORTUNITY: Final = _table(
    "opportunity",
    ("company.name", "name"),
    ("budget.amount", "amount"),
    ("budget.currency", "currency"),
    ("products", "lines"),
    ("source", "source"),
    ("campaign", "campaign"),
    ("owner", "owner"),
    ("queue", "queue"),
)

_EVERY: Final = dict.fromkeys(row[0] for row in (*ACCOUNT, *NEW_CONTACT, *OPPORTUNITY))
_FIELDS: Final = tuple(path for path in _EVERY if "." not in path)
_PARTS: Final = tuple(
    (field, tuple((path, path.partition(".")[2]) for path in _EVERY if path.startswith(f"{field}.")))
    for field in dict.fromkeys(path.partition(".")[0] for path in _EVERY if "." in path)
)
# All parts None: an address that is none.
_NO_PARTS: Final[tuple[Any, ...]] = (None, "", [], {})


def is_blank(value: Any) -> bool:
    """Whether a value says nothing: null, blank text, an empty list, or an object of nothing but these. Zero and false do
    say something."""
    if isinstance(value, str):
        return not value or value.isspace()
    if isinstance(value, dict):
        return all(part in _NO_PARTS for part in value.values())
    return value is None or value == []


def tell(lead: dict[str, Any]) -> dict[str, Any]:
    """What the lead says of that which is mapped somewhere, by path."""
    told = {field: value for field in _FIELDS if (value := lead.get(field)) is not None and not is_blank(value)}
    for field, parts in _PARTS:
        inner = lead.get(field)
        if isinstance(inner, dict):
            told.update({path: value for path, part in parts if not is_blank(value := inner.get(part))})
    return told


def fill_blanks(facts: dict[str, Any], told: dict[str, Any], table: Mapping) -> list[str]:
    """Fill what is blank in `facts` from what was told; returns what was copied, as `lead.x -> record.y`. An address is
    one value: it is taken whole or not at all."""
    rows = [row for row in table if row[0] in told]
    if facts:
        rows = [row for row in rows if is_blank(facts.get(row[1]))]
    facts.update({target: told[path] for path, target, _ in rows})
    return [said for _, _, said in rows]


def person_name(lead: dict[str, Any]) -> str | None:
    """The person's name, else the e-mail address or phone that stands for it."""
    if lead.get("name"):
        return str(lead["name"])
    parts = " ".join(part for part in (lead.get("first_name"), lead.get("last_name")) if part)
    return parts or lead.get("email") or lead.get("phone")
