"""Whole deployments, state and KPIs included: good ones are proven whatever happened, and any damage is found."""

from hypothesis import given, settings
from hypothesis import strategies as st

from .offline import deployment
from .random_logs import Step, steps

SCRIPTS = steps()
SEEDS = st.integers(0, 2**32)


@given(SCRIPTS, SEEDS)
@settings(max_examples=120, deadline=None)
def test_good_deployments_are_proven(script: list[Step], seed: int) -> None:
    """Crashes that repeat outcomes and KPIs, paused writers and re-decided contexts are no faults; nothing is open."""
    found = deployment(script, seed).examine(settled=True)

    assert found.problems == []
    assert found.pending == {}
    assert found.not_examined == {}
    assert found.state_keys > 0


@given(SCRIPTS, SEEDS)
@settings(max_examples=60, deadline=None)
def test_what_is_under_way_is_pending(script: list[Step], seed: int) -> None:
    """Stages that are somewhere in their sources, last checkpoint before that: nothing is a fault."""
    found = deployment(script, seed, unfinished=True).examine()

    assert found.problems == []


@given(SCRIPTS, SEEDS)
@settings(max_examples=8, deadline=None)
def test_on_disk_and_in_memory_agree(script: list[Step], seed: int) -> None:
    """Tables that spill at every put find what tables in memory find."""
    made = deployment(script, seed)
    made.logs["outcomes"][0] = made.logs["outcomes"][0][:-1]

    small, large = made.examine(memory_bytes=1), made.examine()

    assert (small.counts, small.problems, small.contexts, small.kpi_buckets) == (
        large.counts, large.problems, large.contexts, large.kpi_buckets,
    )  # fmt: skip
