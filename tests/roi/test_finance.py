"""Returns of a benefit: the case people check, and what holds for every benefit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.roi import finance
from infra.roi.finance import Figure, returns

AMOUNT = st.floats(1.0, 1e7)
BENEFIT = st.floats(-1e5, 1e5).filter(lambda usd: usd == 0.0 or abs(usd) > 1e-6)


def test_the_case_to_check():
    """25,000 invested, 2,916 a month."""
    found = returns(25_000.0, Figure(2_916.0, None, None), 0.0)
    assert round(100 * found.gross_return.estimate, 2) == 139.97
    assert round(100 * found.net_roi.estimate, 2) == 39.97
    assert round(found.payback_months.estimate, 1) == 8.6
    assert round(100 * found.three_year_gross.estimate, 1) == 419.9
    assert round(100 * finance.cut(0.032, 0.019), 1) == 40.6


@given(AMOUNT, BENEFIT, st.floats(0.0, 1.0))
def test_present_value_is_what_a_spreadsheet_sums(investment, benefit, rate):
    """Each month's benefit, discounted month by month with compound interest."""
    left, factor = -investment, 1.0
    for _ in range(36):
        factor *= (1.0 + rate) ** (1.0 / 12.0)
        left += benefit / factor
    assert finance.npv(investment, benefit, rate) == pytest.approx(left, rel=1e-9, abs=1e-6 * (investment + 1))


@given(AMOUNT, BENEFIT, BENEFIT, BENEFIT, st.floats(0.0, 1.0))
def test_an_interval_of_benefits_is_one_of_every_figure(investment, a, b, c, rate):
    """What holds for the benefit holds for each figure: low at most the estimate, that at most high; and a payback that
    never comes is no number."""
    low, middle, high = sorted((a, b, c))
    found = returns(investment, Figure(middle, low, high), rate)
    for figure in (found.gross_return, found.net_roi, found.three_year_gross, found.npv):
        assert figure.low <= figure.estimate <= figure.high
    payback = found.payback_months
    for months, benefit in ((payback.low, high), (payback.estimate, middle), (payback.high, low)):
        assert (months is None) == (benefit <= 0.0)
        if months is not None:
            assert math.isclose(months * benefit, investment)


def test_without_discount_the_present_value_is_the_sum():
    assert finance.npv(1000.0, 50.0, 0.0) == pytest.approx(800.0)
