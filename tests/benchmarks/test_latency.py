"""Latency counts every record from when it was due, on every path, and the ratios are those of what was measured."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.arrivals import Due, poisson, send
from benchmarks.load import Row
from benchmarks.paths import Timing, compare


@given(rate=st.integers(1, 5_000), seconds=st.floats(0.1, 5), seed=st.integers(0, 1_000))
def test_arrivals_are_in_order_and_as_many_as_asked_for(rate, seconds, seed):
    """Times ascend within the span, and their number is Poisson's: within six standard deviations of the mean."""
    times = poisson(rate, seconds, seed)
    assert times == sorted(times)
    assert all(0 <= each < seconds for each in times)
    assert abs(len(times) - rate * seconds) <= 6 * (rate * seconds) ** 0.5 + 1


class Slow:
    """A producer that takes its time over the first record."""

    def __init__(self) -> None:
        self.sent = []

    def produce(self, topic, value, key, partition):
        if not self.sent:
            until = time.perf_counter() + 0.05
            while time.perf_counter() < until:
                pass
        self.sent.append((topic, value))

    def poll(self, _):
        return 0

    def flush(self, _):
        return 0


def test_nothing_waits_for_what_was_sent_before():
    """A pause of the sender makes those late that were due in it; none is left out or moved to a later time."""
    producer = Slow()
    schedule = [Due(number / 1_000, "t", Row(0, b"k", b"%d" % number)) for number in range(20)]
    start = time.perf_counter()
    late = send(producer, schedule, start)
    assert [value for _, value in producer.sent] == [each.row.value for each in schedule]
    assert late >= 0.04  # the first took 50 ms, the others were due within 20 ms of it


@pytest.mark.kafka
async def test_paths_are_measured_at_every_rate(kafka):
    """Percentiles ascend, no sample is missing, and each ratio is that of the two figures beside it."""
    rates = [200, 1_000]
    paths = ["raw", "router", "copy"]
    report = await compare(kafka, paths, Timing(rates, 1, 0.5, 0.2, 0.5), lambda _: None)
    for rate, name in itertools.product(rates, paths):
        found, raw = report["rates"][str(rate)][name], report["rates"][str(rate)]["raw"]
        assert 0 < found["p50"] <= found["p95"] <= found["p99"] <= found["max"]
        assert found["samples"] == raw["samples"] > 0
        for key in ("p50", "p99"):
            assert found[f"{key}_over_raw"] == round(found[key] / raw[key], 2)
    assert report["p50_over_raw"] == report["rates"]["1000"]["router"]["p50_over_raw"]
    assert report["p99_over_raw"] == report["rates"]["1000"]["router"]["p99_over_raw"]
    assert report["settings"]["checkpoint_seconds"] == 0.5
