"""Whatever is damaged in a good deployment is found, under its name and at its place."""

import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from .damage import DAMAGES
from .offline import deployment
from .random_logs import Step, steps

SCRIPTS = steps()
SEEDS = st.integers(0, 2**32)
#: Damages to state, which holds most in the middle of things.
STATE = [name for name in DAMAGES if name.startswith(("a_bit_of", "another_tenant_s_open"))]


@pytest.mark.parametrize("name", DAMAGES)
@given(script=SCRIPTS, seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_damage_is_found(name: str, script: list[Step], seed: int) -> None:
    """One damage in a deployment that is sound otherwise is among the findings, with topic, partition and offset."""
    made = deployment(script, seed, unfinished=name in STATE and seed % 4 > 0)
    expected = DAMAGES[name](made, random.Random(seed))
    assume(expected is not None)
    assert expected is not None

    found = made.examine()

    assert found.counts.get(expected.fault, 0) > 0, found.problems
    places = [finding.place for finding in found.findings if finding.fault is expected.fault]
    assert expected.place in places or found.counts[expected.fault] > len(places)
