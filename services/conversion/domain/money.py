"""Amounts: decimal text in, decimal text out. Never a float."""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final

MOST_DIGITS: Final = 15
_CENT: Final = Decimal("0.01")
_LIMIT: Final = Decimal(10) ** MOST_DIGITS


def parse_amount(text: str | None) -> Decimal | None:
    """The amount that a text says, None where it says none: not finite, negative, or of more than 15 digits before
    the point or 4 behind it."""
    if text is None or not text.isascii() or len(text) > 40:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount < _LIMIT:
        return None
    return amount if int(amount.as_tuple().exponent) >= -4 else None


def amount_text(amount: Decimal) -> str:
    """The amount as events carry it: no exponent, the digits behind the point as they were given."""
    return format(amount, "f")


def expected_revenue(amount: Decimal, probability: int) -> Decimal:
    """Amount x probability / 100, rounded to cents, half to even (`pipeline.py` has the probabilities)."""
    return (amount * probability / 100).quantize(_CENT, rounding=ROUND_HALF_EVEN)
