"""Observations to a reward."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from stream_workers.learning.reward import reward_of

number = st.floats(-1e6, 1e6)
component = st.builds(Component, weight=st.floats(0, 10), worst=number, best=number, required=st.booleans())


def spec(reward, default=0.25):
    return DomainSpec("t", "d", 0, (Arm("a"),), reward, LearnerSpec("u", "uniform"), default_reward=default)


@given(
    st.dictionaries(st.sampled_from("abcd"), component, min_size=1), st.dictionaries(st.sampled_from("abcde"), number)
)
def test_between_0_and_1(components, observations):
    """Whatever was observed, the reward lies in [0, 1] and is complete exactly if nothing required is missing."""
    reward, complete = reward_of(spec(components), observations)
    assert 0 <= reward <= 1
    assert complete == all(name in observations for name, each in components.items() if each.required)


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        ({"success": 1.0, "latency_ms": 0.0}, (1.0, True)),
        ({"success": 1.0, "latency_ms": 500.0}, ((3 + 0.5) / 4, True)),
        ({"success": 0.0, "latency_ms": 9e9}, (0.0, True)),
        ({"success": 1.0}, ((3 + 0.25) / 4, True)),
        ({"latency_ms": 0.0}, (0.25, False)),
        ({}, (0.25, False)),
        ({"success": 1.0, "latency_ms": -5.0, "unknown": 7.0}, (1.0, True)),
    ],
)
def test_formula(observations, expected):
    """Components are mapped from worst..best, clipped and weighted; what is missing counts as documented."""
    components = {"success": Component(weight=3, required=True), "latency_ms": Component(worst=1000, best=0)}
    assert reward_of(spec(components), observations) == expected


def test_degenerate():
    """Weights of nothing leave the default; best = worst is a step."""
    assert reward_of(spec({"x": Component(weight=0)}), {"x": 1.0}) == (0.25, True)
    step = spec({"x": Component(worst=2, best=2)})
    assert [reward_of(step, {"x": x})[0] for x in (1.9, 2.0, 3.0)] == [0, 1, 1]
