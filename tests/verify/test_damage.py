"""Whatever is damaged in a good deployment is found, under its name and at its place."""

import random

import pytest

from .damage import DAMAGES
from .offline import deployment
from .random_logs import random_script

#: Damages to state, which holds most in the middle of things.
STATE = [name for name in DAMAGES if name.startswith(("a_bit_of", "another_tenant_s_open"))]
TIMES = 12


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found(name: str) -> None:
    """One damage in a deployment that is sound otherwise is among the findings, with topic, partition and offset."""
    damaged = 0
    for seed in range(400):
        rng = random.Random(f"{name} {seed}")
        made = deployment(random_script(rng), seed, unfinished=name in STATE and seed % 4 > 0)
        expected = DAMAGES[name](made, rng)
        if expected is None:
            continue
        found = made.examine()
        places = [finding.place for finding in found.findings if finding.fault is expected.fault]
        assert expected.place in places or found.counts.get(expected.fault, 0) > len(places), (seed, found.problems)
        damaged += 1
        if damaged == TIMES:
            return
    pytest.fail(f"only {damaged} of 400 deployments could be damaged")
