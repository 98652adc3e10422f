"""What an answer costs, from the tokens that the provider reports; and what one is expected to cost."""

from .answer import Usage
from .catalogue import Model

_PER = 1e-6  # prices are per million tokens


def cost_usd(model: Model, usage: Usage) -> float:
    """The sum of tokens times their price; cached and written tokens are parts of the input with their own."""
    cached = model.input if model.cached is None else model.cached
    written = model.input if model.written is None else model.written
    plain = usage.input_tokens - usage.cached_tokens - usage.written_tokens
    dollars = plain * model.input + usage.cached_tokens * cached + usage.written_tokens * written
    return (dollars + usage.output_tokens * model.output) * _PER


def expected_cost(model: Model, input_tokens: float, output_tokens: float) -> float:
    """USD of one request of this size without caching: the `price` of an arm in a domain file."""
    return (input_tokens * model.input + output_tokens * model.output) * _PER
