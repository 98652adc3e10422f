"""The rate is what a process moved, whatever happened before it was warm and whatever waiting ended it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rate import Sample, rate
from schemas.errors import CroupierError


def steady(per_second: float, total: int, *, idle: float, look: float) -> list[Sample]:
    """A process that does nothing for `idle` seconds and then works evenly, using all of one CPU all the time."""
    samples = [Sample(0.0, 0, 0.0, 0)]
    while samples[-1].done < total:
        seconds = len(samples) * look
        done = min(total, int(max(0.0, seconds - idle) * per_second))
        samples.append(Sample(seconds, done, seconds, done))
    return samples


@given(
    per_second=st.floats(1_000, 1_000_000),
    idle=st.floats(0, 30),
    look=st.floats(0.01, 0.05),
    wanted=st.floats(2, 20),
)
def test_start_up_is_no_part_of_the_rate(per_second, idle, look, wanted):
    """Of a process that works evenly the rate is found to within one look, however long it took to begin."""
    total = int(per_second * wanted)
    found = rate(steady(per_second, total, idle=idle, look=look), total)
    assert found.per_second == pytest.approx(per_second, rel=2 * look / (0.95 * wanted) + 0.01)
    assert found.cpu_microseconds == pytest.approx(1e6 / per_second, rel=2 * look / (0.95 * wanted) + 0.01)
    assert found.resident_bytes == total


@given(per_second=st.integers(1_000, 100_000), steps=st.integers(4, 20), tail=st.floats(0, 0.99))
def test_a_last_checkpoint_that_waits_for_its_turn_does_not_lower_the_rate(per_second, steps, tail):
    """Progress in steps of one second, the last step mostly waiting: the rate is that of the full steps."""
    total = int(per_second * (steps + 1 - tail))
    samples = [Sample(0.0, 0, 0.0, 0)]
    for look in range(1, (steps + 2) * 10 + 1):
        seconds = look / 10
        samples.append(Sample(seconds, min(total, int(seconds) * per_second), seconds, 0))
        if samples[-1].done == total:
            break
    assert rate(samples, total, stepwise=True).per_second == pytest.approx(per_second, rel=0.01)


@given(first=st.floats(0.0, 10.0), second=st.floats(1.0, 10.0))
def test_doing_one_half_of_the_work_first_gains_nothing(first, second):
    """Two steps for every record, all first steps before any second one: no rate above records over all the time."""
    total, look = 10_000, 0.05
    samples = []
    for number in range(int((first + second) / look) + 3):
        seconds = number * look
        begun = total if seconds >= first else int(total * seconds / first)
        done = min(total, max(0, int(total * (seconds - first) / second)))
        samples.append(Sample(seconds, done, seconds, 0, max(begun, done)))
    if samples[0].begun == total or next(each.begun for each in samples if each.begun >= 0.05 * total) == total:
        with pytest.raises(CroupierError, match="more records"):
            rate(samples, total)
    else:
        assert rate(samples, total).per_second <= total / (first + second) * 1.001


def test_too_few_records_are_no_rate():
    """When all was done between two looks there is nothing to divide by, and it says so."""
    with pytest.raises(CroupierError, match="more records"):
        rate([Sample(0.0, 0, 0.0, 0), Sample(0.02, 1000, 0.1, 1)], 1000)
