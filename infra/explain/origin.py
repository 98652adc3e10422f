"""Who a decision is about, what it follows from, and what it knew of that."""

from msgspec import Struct

from infra.domains.changes import input_words
from infra.readable.plain import floats
from schemas.domains import DomainSpec, Input
from schemas.events import Decision


class Origin(Struct, frozen=True):
    """As the record has it."""

    unit: str | None
    after: str | None  # the decision of another domain that the request named
    chain: float | None  # product of the probabilities of what was chosen up to that one; None: none, or not known
    #: What other domains told it, by input; None: the router did not know.
    inputs: dict[str, str | None]


def origin_of(decision: Decision, spec: DomainSpec | None) -> Origin:
    """spec: that decided; None: it is no longer to be found, and then what the features mean is not known."""
    inputs: dict[str, str | None] = {}
    features = floats(decision.features)
    if spec is not None and isinstance(features, list) and len(features) == spec.width:
        at = spec.features
        for each in spec.inputs:
            *values, known = features[at : at + each.width]
            inputs[input_words(each)] = _said(each, values) if known else None
            at += each.width
    return Origin(decision.unit, decision.after, decision.chain, inputs)


def _said(each: Input, values: list[float | None]) -> str:
    if each.what != "choice":
        return "NaN or infinite" if values[0] is None else f"{values[0]:.4g}"
    return next((arm for arm, value in zip(each.arms, values, strict=True) if value), "another arm")
