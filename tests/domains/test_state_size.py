"""What a domain's learners keep must fit into a record of the changelog."""

from infra.domains.file import parse
from infra.domains.rules import LARGEST_STATE_BYTES
from schemas.topics import LEARNER_STATE
from stream_workers.learning.domain import DomainState


def file(arms: int, features: int, width: int) -> str:
    names = ", ".join(f'{{ name = "arm-{number}" }}' for number in range(arms))
    return f"""
[[domain]]
tenant = "acme"
name = "model_routing"
features = {features}
arms = [{names}]
reward.quality = {{ required = true }}
champion = {{ name = "one", kind = "doubly_robust", params = {{ width = {width} }} }}
challengers = [{{ name = "two", kind = "doubly_robust", params = {{ width = {width} }} }}]
"""


def test_learners_that_would_not_fit_are_refused_with_their_size():
    """64 arms and two learners of 200 slots are more than a record holds; the message says how much, and what helps."""
    specs, problems = parse(file(64, 512, 200), "big.toml")
    assert specs == []
    (problem,) = problems
    assert "21 MiB" in str(problem) and "at most 12 MiB" in str(problem) and "width" in str(problem)


def test_what_is_let_through_does_fit():
    """The largest that the rule allows, serialised, is below the largest record of the changelog; so is the rule."""
    specs, problems = parse(file(40, 512, 150), "fits.toml")
    assert not problems
    size = len(DomainState(specs[0], 1).to_bytes())
    assert size < LARGEST_STATE_BYTES < LEARNER_STATE.max_message_bytes
    assert size > LARGEST_STATE_BYTES / 2  # not by being far too strict
