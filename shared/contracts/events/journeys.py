"""Events of offers that journeys make."""

from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Contract


class OfferRedeemed(Contract):
    """An offer of a journey was made use of; what it brought is the step's."""

    TYPE: ClassVar[str] = "offer.redeemed"

    lead_id: str = Field(description="Whom the offer was made to")
    journey: str
    step: str
    run_id: str
    send_id: str
    code: str
    amount: str | None = Field(None, description="What was bought with it, two decimals")
    currency: str | None = Field(None, description="ISO 4217")
    redeemed_at: str
