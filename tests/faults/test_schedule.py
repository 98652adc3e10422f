"""The schedule is a function of the seed."""

from hypothesis import given
from hypothesis import strategies as st

from tests.faults.kinds import KINDS
from tests.faults.schedule import plan

PROCESSES = ("worker-1", "worker-2", "analytics-1")


@given(st.integers(0, 10**9), st.integers(0, 2000))
def test_the_same_seed_gives_the_same_schedule_and_every_fault_is_healed_in_time(seed, seconds):
    """Twice the same; in order of time; the last is healed before the end; every kind comes before any comes again."""
    schedule = plan(seed, seconds, PROCESSES)
    assert schedule == plan(seed, seconds, PROCESSES)
    moments = [each.at for each in schedule]
    assert moments == sorted(moments)
    assert all(each.at + each.fault.seconds <= seconds + 0.01 for each in schedule)
    kinds = [each.fault.kind for each in schedule]
    for begin in range(0, len(kinds), len(KINDS)):
        turn = kinds[begin : begin + len(KINDS)]
        assert len(set(turn)) == len(turn)


def test_another_seed_gives_another_schedule():
    """A hundred seeds, a hundred schedules."""
    assert len({repr(plan(seed, 600, PROCESSES)) for seed in range(100)}) == 100
