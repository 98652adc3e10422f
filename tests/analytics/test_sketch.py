import math

import numpy as np
import pytest
from ddsketch import DDSketch
from hypothesis import given
from hypothesis import strategies as st

from stream_workers.analytics.sketch import LONGEST_MS, RELATIVE_ACCURACY, add, bin_of, merged, quantile, value_of

latencies = st.lists(st.just(0.0) | st.floats(1e-3, LONGEST_MS), max_size=60)


def sketch_of(values):
    bins = {}
    for value in values:
        add(bins, value)
    return dict(sorted(bins.items()))


@given(latencies, st.floats(0, 1))
def test_quantiles_are_within_one_percent_of_numpy(values, q):
    """A quantile is that of numpy (method "lower"), which keeps all values, but for 1%."""
    estimate = quantile(sketch_of(values), q)
    if not values:
        assert estimate is None
        return
    # The sketch finds the rank by a product of its own; at a whole number rounding may go either way.
    rank = q * (len(values) - 1)
    exact = {sorted(values)[math.floor(each)] for each in (rank, rank - 1e-9, rank + 1e-9) if each >= 0}
    assert float(np.percentile(values, 100 * q, method="lower")) in exact | {estimate}
    assert any(estimate == pytest.approx(value, rel=RELATIVE_ACCURACY * (1 + 1e-9)) for value in exact)


@given(latencies, latencies, latencies)
def test_merging_is_adding_all_values_in_any_grouping(first, second, third):
    """Merged sketches equal the sketch of all values, however grouped and ordered, and the parts stay as they were."""
    whole = sketch_of(first + second + third)
    parts = [sketch_of(values) for values in (first, second, third)]
    assert merged([merged(parts[:2]), parts[2]]) == merged([parts[2], merged([parts[1], parts[0]])]) == whole
    assert list(merged(parts)) == sorted(whole)
    assert parts == [sketch_of(values) for values in (first, second, third)]


@given(latencies.filter(bool))
def test_the_library_s_sketch_has_the_same_quantiles(values):
    """Datadog's own implementation with the same accuracy, of the same values; at a bin's edge it may take the next."""
    theirs = DDSketch(RELATIVE_ACCURACY)
    for value in values:
        theirs.add(value)
    ours = sketch_of(values)
    for q in (0.0, 0.25, 0.5, 0.95, 1.0):
        assert quantile(ours, q) == pytest.approx(theirs.get_quantile_value(q), rel=2.1 * RELATIVE_ACCURACY)


def test_a_sketch_stays_small_whatever_is_reported():
    """Latencies that nothing can have do not make a sketch large: they count as the nearest that can be."""
    bins = sketch_of([5e-324, 1e-200, 0.0, -1.0, 1e-3, 1.0, 1e200, 1.7e308])
    assert quantile(bins, 0) == 0
    assert quantile(bins, 1) == pytest.approx(LONGEST_MS, rel=RELATIVE_ACCURACY)
    assert max(bins) - bin_of(1e-3) <= 1_441


def test_the_bins_are_these():
    """A bin means the same for ever: state and records written by one release are read by the next."""
    assert sketch_of([0.0, 0.5, 100.0, 101.0, 2_000.0]) == {-1000: 1, -34: 1, 231: 2, 381: 1}
    assert [round(value_of(number), 6) for number in (-1000, -34, 231)] == [0.0, 0.501539, 100.494568]
