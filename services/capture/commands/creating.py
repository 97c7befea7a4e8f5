"""`leadstream leads create`: a lead that somebody types in, as `POST /v1/leads` takes it."""

import time
from typing import Annotated, Any, Final

import typer

from services.capture.commands.client import CaptureClient
from services.capture.commands.ending import FOUND_WRONG, MISUSED, end, print_json

_SOURCE: Final = "manual entry"
_WAIT_S: Final = 10.0
_POLL_S: Final = 0.1


def create(
    entered_by: Annotated[str, typer.Option(help="Who types it in: a name or an id.", min=1)],
    email: Annotated[list[str] | None, typer.Option(help="An e-mail address; repeatable.")] = None,
    phone: Annotated[list[str] | None, typer.Option(help="A phone number; repeatable.")] = None,
    first_name: Annotated[str | None, typer.Option()] = None,
    last_name: Annotated[str | None, typer.Option()] = None,
    title: Annotated[str | None, typer.Option(help="What they are at work.")] = None,
    company: Annotated[str | None, typer.Option(help="The company's name.")] = None,
    website: Annotated[str | None, typer.Option(help="The company's website.")] = None,
    country: Annotated[str | None, typer.Option(help="Name or ISO code.")] = None,
    source: Annotated[str, typer.Option(help="How they came, if not by this entry.")] = _SOURCE,
    campaign: Annotated[str | None, typer.Option()] = None,
    message: Annotated[str | None, typer.Option(help="What they want.")] = None,
    budget: Annotated[str | None, typer.Option(help="Such as '50000 USD'.")] = None,
    product: Annotated[list[str] | None, typer.Option(help="What they ask about; repeatable.")] = None,
    referred_by: Annotated[
        str | None, typer.Option(help="An e-mail address, or lead:ID, contact:ID, account:ID.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Enter a lead by hand. It is joined with whom it is, scored and given away like every other lead."""
    if not (email or phone):
        end(MISUSED, "--email or --phone is needed: without one nobody can tell who it is")
    document = {
        "entered_by": entered_by, "emails": email, "phones": phone, "first_name": first_name, "last_name": last_name,
        "title": title, "company": _given({"name": company, "website": website}),
        "address": _given({"country": country}), "source": source, "campaign": campaign, "message": message,
        "budget": budget, "products": product, "referrer_ref": referred_by,
    }  # fmt: skip
    with CaptureClient() as client:
        receipt_id = client.submit(_given(document))["receipt_id"]
        _show(_settled(client, receipt_id), receipt_id, as_json=as_json)


def _given(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value}


def _settled(client: CaptureClient, receipt_id: str) -> dict[str, Any]:
    """What became of it, or that it is stored and waits."""
    deadline = time.monotonic() + _WAIT_S
    found = client.receipt(receipt_id)
    while found["status"] == "accepted" and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        found = client.receipt(receipt_id)
    return found


def _show(found: dict[str, Any], receipt_id: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        typer.echo(f"{found['status']}{' ' + found['lead_id'] if found.get('lead_id') else ''} [receipt {receipt_id}]")
    if found["status"] == "rejected":
        raise typer.Exit(FOUND_WRONG)
