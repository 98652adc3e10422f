"""Returns of an investment from a monthly benefit, and the same of an interval of benefits.

Every figure but the payback rises with the benefit, so the ends of an interval of benefits give the ends of the
figure's interval: whatever confidence the one has, the other has.
"""

import math
from collections.abc import Callable
from typing import Final

from msgspec import Struct

YEAR: Final = 12
HORIZON: Final = 36
#: Days of a mean month.
DAYS: Final = 365.2425 / 12.0


class Figure(Struct, frozen=True):
    """A number with its interval; None where there is none: a payback that never comes."""

    estimate: float | None
    low: float | None
    high: float | None


class Returns(Struct, frozen=True):
    """Shares of the investment, months, or USD.  Each is a function of the monthly benefit alone."""

    gross_return: Figure  # twelve months' benefit over the investment
    net_roi: Figure  # the same less the investment, over it
    payback_months: Figure  # until the benefits are the investment
    three_year_gross: Figure  # 36 months' benefit over the investment
    npv: Figure  # USD: 36 months' benefits discounted, less the investment


def gross_return(investment: float, benefit: float, months: int = YEAR) -> float:
    """Benefit of so many months over the investment.  investment, benefit (a month): USD."""
    return months * benefit / investment


def net_roi(investment: float, benefit: float, months: int = YEAR) -> float:
    """The same, less what was invested."""
    return gross_return(investment, benefit, months) - 1.0


def payback_months(investment: float, benefit: float) -> float | None:
    """Months until the benefits are the investment; None: never."""
    months = investment / benefit if benefit > 0.0 else math.inf
    return months if math.isfinite(months) else None


def npv(investment: float, benefit: float, discount_rate: float, months: int = HORIZON) -> float:
    """Net present value, USD: benefits at each month's end, discounted.  discount_rate: a year, e.g. 0.08."""
    monthly = (1.0 + discount_rate) ** (1.0 / YEAR)
    return math.fsum(benefit / monthly**month for month in range(1, months + 1)) - investment


def cut(before: float, after: float) -> float:
    """By what share something has become less: 0.032 to 0.019 is 0.406."""
    return 1.0 - after / before


def returns(investment: float, benefit: Figure, discount_rate: float) -> Returns:
    """All figures.  benefit: USD a month."""

    def rising(of: Callable[[float], float]) -> Figure:
        return Figure(*(None if each is None else of(each) for each in (benefit.estimate, benefit.low, benefit.high)))

    def pays_back(each: float | None) -> float | None:
        return None if each is None else payback_months(investment, each)

    return Returns(
        rising(lambda each: gross_return(investment, each)),
        rising(lambda each: net_roi(investment, each)),
        Figure(pays_back(benefit.estimate), pays_back(benefit.high), pays_back(benefit.low)),
        rising(lambda each: gross_return(investment, each, HORIZON)),
        rising(lambda each: npv(investment, each, discount_rate)),
    )
