"""Laws of what is charged, for all token counts and prices."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.providers import Message, Model, Request, Usage, cost_usd, expected_cost
from producers.providers.estimate import completed, request_tokens

prices = st.floats(0, 200, allow_nan=False)
models = st.builds(
    Model,
    st.just("p"),
    st.just("m"),
    prices,
    prices,
    context_length=st.just(1000),
    most_output_tokens=st.just(100),
    cached=st.none() | prices,
    written=st.none() | prices,
    characters_per_token=st.floats(1, 8),
)


@st.composite
def usages(draw):
    plain, cached, written, output = (draw(st.integers(0, 10**7)) for _ in range(4))
    return Usage(plain + cached + written, output, cached, written_tokens=written)


@given(models, usages())
def test_cost_is_the_sum_of_tokens_times_their_price(model, usage):
    """Against exact arithmetic: plain, cached and written input and output, each at its own price."""
    plain = usage.input_tokens - usage.cached_tokens - usage.written_tokens
    exact = (
        plain * Fraction(model.input)
        + usage.cached_tokens * Fraction(model.input if model.cached is None else model.cached)
        + usage.written_tokens * Fraction(model.input if model.written is None else model.written)
        + usage.output_tokens * Fraction(model.output)
    ) / 10**6
    assert cost_usd(model, usage) == pytest.approx(float(exact), rel=1e-12, abs=1e-300)


@given(models, st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_is_expected_is_what_comes(model, into, out):
    """An arm's price in a domain file is the cost of a request of that size without caching."""
    assert expected_cost(model, into, out) == pytest.approx(cost_usd(model, Usage(into, out)), rel=1e-12, abs=1e-300)


@given(models, st.none() | usages(), st.integers(0, 10**5), st.booleans())
def test_never_less_than_reported(model, reported, characters, ended):
    """A report at the end is taken as it is; otherwise what came counts, marked as an estimate, and never lowers it."""
    request = Request((Message("user", "How?"),))
    usage = completed(model, request, reported, characters, ended=ended)
    if reported is not None and ended:
        assert usage == reported
        return
    assert usage.estimated
    assert usage.output_tokens * model.characters_per_token >= characters * (1 - 1e-12)
    if reported is not None:
        assert usage.output_tokens >= reported.output_tokens and usage.input_tokens == reported.input_tokens
        assert (usage.cached_tokens, usage.written_tokens) == (reported.cached_tokens, reported.written_tokens)
        assert cost_usd(model, usage) >= cost_usd(model, reported)
    else:
        assert usage.input_tokens == request_tokens(model, request) > 0


@given(models, st.lists(st.text("ab ", max_size=20), min_size=1, max_size=5))
def test_estimates_grow_with_the_request(model, texts):
    """Another message never makes a request cheaper, and every message counts."""
    turns = tuple(Message("user", text) for text in texts)
    counts = [request_tokens(model, Request(turns[: n + 1])) for n in range(len(turns))]
    assert all(after > before for before, after in zip([0, *counts], counts, strict=False))
