"""Requests put together once are the requests that aiokafka would send."""

import gc
import weakref

import numpy as np
import pytest
from aiokafka.protocol.produce import ProduceRequest
from hypothesis import given
from hypothesis import strategies as st

from stream_workers.runtime.sending import OncePutTogether

TOPICS = st.lists(
    st.tuples(st.text(max_size=20), st.lists(st.tuples(st.integers(0, 1000), st.binary(max_size=500)), max_size=4)),
    max_size=4,
)


@pytest.mark.parametrize("version", range(3, 8))
@given(TOPICS)
def test_the_bytes_are_the_same(version, topics):
    """For every version of the request, any topics, partitions and batches, as bytes or as a view of them."""
    versions = {0: (version, version)}
    arguments = {"transactional_id": None, "required_acks": -1, "timeout": 40_000}
    theirs = ProduceRequest(topics=topics, **arguments).prepare(versions)
    views = [(name, [(number, memoryview(data)) for number, data in parts]) for name, parts in topics]
    ours = OncePutTogether(topics=views, **arguments).prepare(versions)
    assert ours.encode() == theirs.encode()
    assert isinstance(ours, type(theirs))


def test_a_request_that_was_sent_keeps_no_records():
    """Nothing of a request is left when it is done with, without the garbage collector, which comes seldom."""
    records = np.zeros(100, np.uint8)
    alive = weakref.ref(records)
    gc.disable()
    try:
        request = OncePutTogether(
            transactional_id=None, required_acks=-1, timeout=1, topics=[("decisions", [(0, records.data)])]
        )
        request.prepare({0: (3, 7)}).encode()
        del request, records
        assert alive() is None
    finally:
        gc.enable()
