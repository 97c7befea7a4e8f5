"""Makes the example leads of the demo: `python examples/make_examples.py`. All people and companies are invented.

Three sources: web forms (JSON over HTTP), a trade-show list (CSV import), a partner's feed (straight to Kafka). Among
them duplicates within and across sources, broken ones, hot and cold ones. The same seed makes the same files.
"""

import csv
import json
import random
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FIRST = [
    "Ann",
    "Ben",
    "Carla",
    "David",
    "Elena",
    "Farid",
    "Grace",
    "Hugo",
    "Ines",
    "Jonas",
    "Keiko",
    "Liam",
    "Maya",
    "Nadia",
    "Omar",
    "Paula",
    "Quentin",
    "Rosa",
    "Sven",
    "Tara",
]
LAST = [
    "Adler",
    "Brandt",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ivanova",
    "Jensen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Novak",
    "O'Brien",
]
COMPANIES = [
    ("Northwind Robotics", "northwind-robotics.example", "software", 420, "US"),
    ("Alpenblick Versand GmbH", "alpenblick.example", "retail", 85, "DE"),
    ("Harbour Analytics Ltd", "harbour-analytics.example", "software", 1200, "GB"),
    ("Costa Verde Foods S.A.", "costaverde.example", "food", 260, "ES"),
    ("Blue Pine Insurance", "bluepine.example", "insurance", 3100, "US"),
    ("Lumen Clinics", "lumenclinics.example", "healthcare", 640, "US"),
    ("Atelier Moreau", "ateliermoreau.example", "design", 6, "FR"),
    ("Kobe Precision", "kobe-precision.example", "manufacturing", 900, "JP"),
]
TITLES = ["CEO", "VP Sales", "Head of Marketing", "Marketing Manager", "IT Manager", "Sales Representative", "Student"]
AREA = {"US": "+1 415 555 {:04d}", "DE": "+49 30 901820 {:02d}", "GB": "+44 20 7946 {:04d}", "FR": "+33 1 99 00 {:04d}"}


def person(rng: random.Random, n: int) -> dict[str, Any]:
    """The n-th invented person."""
    first, last = rng.choice(FIRST), rng.choice(LAST)
    company, domain, industry, employees, country = rng.choice(COMPANIES)
    title = rng.choices(TITLES, weights=(2, 3, 4, 6, 4, 4, 3))[0]
    lead: dict[str, Any] = {"first_name": first, "last_name": last, "title": title}
    lead["address"] = {"country": country}
    local = f"{first}.{last}{n}".lower().replace("'", "")
    if title == "Student":
        return lead | {"email": f"{local}@gmail.com", "message": "I would like to learn about your product."}
    lead["email"] = f"{local}@{domain}"
    lead["company"] = {"name": company, "website": domain, "industry": industry, "employees": employees}
    if country in AREA and rng.random() < 0.6:
        lead["phone"] = AREA[country].format(n % (100 if country == "DE" else 10_000))
    if title in ("CEO", "VP Sales") or rng.random() < 0.25:
        lead["budget"] = f"{rng.choice((5, 20, 50, 120)) * 1000} {'EUR' if country in ('DE', 'ES', 'FR') else 'USD'}"
        lead["products"] = [rng.choice(("crm", "analytics", "support desk"))]
    return lead


def web_forms(rng: random.Random) -> list[str]:
    """130 web forms: some sent twice, some in other spelling, some broken."""
    leads = []
    for n in range(112):
        touch = {
            "utm_source": rng.choice(("google", "linkedin", "newsletter")),
            "utm_medium": rng.choice(("cpc", "email")),
        }
        leads.append(
            person(rng, n) | {"source": "website", "campaign": rng.choice(("spring", "webinar")), "touch": touch}
        )
    again = [dict(lead, email=lead["email"].upper(), message="Sent once more") for lead in rng.sample(leads, 12)]
    lines = [json.dumps(lead, ensure_ascii=False) for lead in leads + again]
    broken = [
        json.dumps({"first_name": "Nobody", "source": "website", "message": "no way to reach me"}),
        json.dumps({"email": "not-an-address", "source": "website"}),
        '{"email": "cut.off@example.com", "first_na',
        '["an", "array"]',
        json.dumps({"email": "bell@northwind-robotics.example", "first_name": "B\u0007ell", "source": "website"}),
        json.dumps(
            {"email": "strict@northwind-robotics.example", "company": {"employees": "many"}, "source": "website"}
        ),
    ]
    for line in broken:
        lines.insert(rng.randrange(len(lines)), line)
    return lines


def trade_show(rng: random.Random, known: list[dict[str, Any]]) -> list[list[str]]:
    """118 rows of a trade-show list: people of the web forms among them, two rows with a missing column."""
    rows = [["First Name", "Last Name", "Job Title", "E-mail", "Phone", "Company", "Website", "Country", "Booth visit"]]
    people = [person(rng, 500 + n) for n in range(98)] + rng.sample(known, 18)
    for lead in people:
        company = lead.get("company", {})
        rows.append(
            [
                lead["first_name"],
                lead["last_name"],
                lead["title"],
                lead["email"],
                lead.get("phone", ""),
                company.get("name", ""),
                company.get("website", ""),
                lead["address"]["country"],
                rng.choice(("day 1", "day 2")),
            ]
        )
    rows.insert(40, ["Short", "Row", "CEO", "short.row@kobe-precision.example"])
    rows.insert(80, [*rows[7], "one cell too many"])
    return rows


def partner_feed(rng: random.Random, known: list[dict[str, Any]]) -> list[str]:
    """60 records that a partner writes straight to Kafka, each with its own id; one is delivered twice."""
    leads = [person(rng, 800 + n) | {"external_id": f"P-{n:04d}", "source": "partner"} for n in range(52)]
    leads += [dict(lead, external_id=f"P-9{n:03d}", source="partner") for n, lead in enumerate(rng.sample(known, 7))]
    records = [{"id": f"evt-{n:04d}", "lead": lead} for n, lead in enumerate(leads)]
    records.append(records[3])
    return [json.dumps(record, ensure_ascii=False) for record in records]


def main() -> None:
    rng = random.Random(2026)
    forms = web_forms(rng)
    known = [json.loads(line) for line in forms if '"company"' in line and "strict@" not in line][:60]
    (HERE / "web-forms.ndjson").write_text("\n".join(forms) + "\n", encoding="utf-8")
    with (HERE / "trade-show.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(trade_show(rng, known))
    (HERE / "partner-feed.ndjson").write_text("\n".join(partner_feed(rng, known)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
