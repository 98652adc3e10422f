import math

import numpy as np
import pytest
from ddsketch import DDSketch
from ddsketch.pb.proto import DDSketchProto, pb
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRecordError, Reason
from stream_workers.analytics.latency import LONGEST_MS, RELATIVE_ACCURACY, LatencySketch

latencies = st.lists(st.just(0.0) | st.floats(1e-3, LONGEST_MS), max_size=60)


def sketch_of(values) -> LatencySketch:
    sketch = LatencySketch()
    for value in values:
        sketch.add(value)
    return sketch


@given(latencies, st.floats(0, 1))
def test_quantiles_are_within_one_percent_of_numpy(values, q):
    """A quantile is that of numpy (method "lower"), which keeps all values, but for 1%."""
    estimate = sketch_of(values).quantile(q)
    if not values:
        assert estimate is None
        return
    # The sketch finds the rank by a product of its own; at a whole number rounding may go either way.
    rank = q * (len(values) - 1)
    exact = {sorted(values)[math.floor(each)] for each in (rank, rank - 1e-9, rank + 1e-9) if each >= 0}
    assert float(np.percentile(values, 100 * q, method="lower")) in exact | {estimate}
    assert any(estimate == pytest.approx(value, rel=RELATIVE_ACCURACY * (1 + 1e-9)) for value in exact)


@given(latencies.flatmap(lambda values: st.tuples(st.just(values), st.permutations(values))))
def test_bytes_are_a_function_of_the_values(pair):
    """Whatever the order in which values came, the bytes are the same."""
    values, shuffled = pair
    assert sketch_of(values).to_bytes() == sketch_of(shuffled).to_bytes()


@given(latencies, latencies)
def test_storing_changes_nothing(before, after):
    """A sketch written, read back and added to equals one that was never written: in bytes and in quantiles."""
    stored = LatencySketch.from_bytes(sketch_of(before).to_bytes())
    assert stored.to_bytes() == sketch_of(before).to_bytes()
    for value in after:
        stored.add(value)
    whole = sketch_of(before + after)
    assert stored.to_bytes() == whole.to_bytes()
    assert stored.count == whole.count == len(before) + len(after)
    assert [stored.quantile(q) for q in (0, 0.5, 0.95, 1)] == [whole.quantile(q) for q in (0, 0.5, 0.95, 1)]


@given(latencies)
def test_values_at_the_edge_of_a_bin_stay_in_it_after_storing(values):
    """The library's mapping changes its last digits when read back, and values at the edges change bins; ours must not.

    Every power of gamma is the edge of a bin.
    """
    mapping = LatencySketch()._sketch._mapping
    edges = [mapping._pow_gamma(key) for key in range(-300, 1000, 7)]
    stored = LatencySketch.from_bytes(sketch_of(values).to_bytes())
    for edge in edges:
        stored.add(edge)
    assert stored.to_bytes() == sketch_of(values + edges).to_bytes()


@given(latencies, latencies, latencies)
def test_merging_is_adding_all_values_in_any_grouping(first, second, third):
    """Merged sketches equal the sketch of all values, however grouped and ordered, and the parts stay as they were."""
    whole = sketch_of(first + second + third).to_bytes()
    parts = [sketch_of(values) for values in (first, second, third)]
    left = LatencySketch()
    left.merge([parts[0], parts[1]])
    left.merge([parts[2]])
    right = LatencySketch()
    right.merge([parts[2], parts[1]])
    right.merge([parts[0]])
    assert left.to_bytes() == right.to_bytes() == whole
    assert [part.to_bytes() for part in parts] == [sketch_of(values).to_bytes() for values in (first, second, third)]


@given(latencies.filter(bool))
def test_the_library_reads_our_bytes(values):
    """What is stored is a DDSketch that the library's own reader understands, with the same quantiles."""
    sketch = sketch_of(values)
    message = pb.DDSketch()
    message.ParseFromString(sketch.to_bytes())
    theirs = DDSketchProto.from_proto(message)
    assert theirs.count == len(values)
    assert [theirs.get_quantile_value(q) for q in (0.5, 0.95)] == pytest.approx(
        [sketch.quantile(0.5), sketch.quantile(0.95)], rel=1e-9
    )


@given(latencies)
def test_we_read_the_library_s_bytes(values):
    """A sketch that the library wrote, with its padding, is read as the one with the same values."""
    theirs = DDSketch(RELATIVE_ACCURACY)
    for value in values:
        theirs.add(value)
    written = DDSketchProto.to_proto(theirs).SerializeToString()
    assert LatencySketch.from_bytes(written).to_bytes() == sketch_of(values).to_bytes()


def test_a_sketch_stays_small_whatever_is_reported():
    """Latencies that nothing can have do not make a sketch large: they count as the nearest that can be."""
    sketch = sketch_of([5e-324, 1e-200, 1e-3, 1.0, 1e200, 1.7e308])
    assert len(sketch.to_bytes()) < 12_000
    assert sketch.quantile(0) == 0
    assert sketch.quantile(1) == pytest.approx(LONGEST_MS, rel=RELATIVE_ACCURACY)


def test_the_encoding_is_this_one():
    """The bytes written today are those of the first version, so that state written by it can be read and compared."""
    assert LatencySketch().to_bytes().hex() == "0a0909fd4a815abf52f03f12001a00"
    assert sketch_of([0.0, 100.0, 101.0]).to_bytes().hex() == (
        "0a0909fd4a815abf52f03f120d1208000000000000004018ce031a0021000000000000f03f"
    )


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_with_a_reason(value):
    """Any bytes are read as a sketch or refused with BadRecordError."""
    try:
        LatencySketch.from_bytes(value).quantile(0.5)
    except BadRecordError as error:
        assert error.reason is Reason.INVALID  # noqa: PT017


@pytest.mark.parametrize(
    ("sketch", "says"),
    [
        (DDSketchProto.to_proto(DDSketch(0.02)), "gamma"),
        (pb.DDSketch(), "gamma"),
        (
            pb.DDSketch(mapping=pb.IndexMapping(gamma=1 + 0.02 / 0.99), positiveValues=pb.Store(binCounts={3: 1.0})),
            "sparse",
        ),
        (
            pb.DDSketch(
                mapping=pb.IndexMapping(gamma=1 + 0.02 / 0.99), positiveValues=pb.Store(contiguousBinCounts=[1.0, -1.0])
            ),
            "negative",
        ),
        (pb.DDSketch(mapping=pb.IndexMapping(gamma=1 + 0.02 / 0.99), zeroCount=math.nan), "finite"),
    ],
)
def test_sketches_of_another_kind_are_refused(sketch, says):
    """A sketch that cannot be merged with ours is refused, with what is wrong about it."""
    with pytest.raises(BadRecordError, match=says):
        LatencySketch.from_bytes(sketch.SerializeToString())
