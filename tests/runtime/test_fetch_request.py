"""Fetch requests and responses are written and read as aiokafka writes and reads them, in one go."""

import struct
from io import BytesIO

import pytest
from aiokafka.protocol.fetch import FetchRequest, FetchResponse_v11
from hypothesis import given
from hypothesis import strategies as st

from stream_workers.runtime.fetch_request import Answer, ColumnFetchRequest

I32, I64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
I16 = st.integers(-(2**15), 2**15 - 1)
NAME = st.text(max_size=20)
ASKED = st.lists(st.tuples(NAME, st.lists(st.tuples(I32, I64, I32), max_size=4)), max_size=4)
FOUND = st.tuples(
    I32, I16, I64, I64, I64, st.none() | st.lists(st.tuples(I64, I64), max_size=3), I32,
    st.none() | st.binary(max_size=300),
)  # fmt: skip
TOPICS = st.lists(st.tuples(NAME, st.lists(FOUND, max_size=4)), max_size=4)


@pytest.mark.parametrize("versions", [(4, 11), (4, 17), (4, 10)])
@given(ASKED, NAME)
def test_requests_are_the_bytes_that_aiokafka_sends(versions, topics, rack):
    """In version 11 and, where the broker knows no 11, in the one below."""
    arguments = (250, 1, 50_000_000, 0, topics)
    theirs = FetchRequest(*arguments, rack_id=rack).prepare({1: versions})
    ours = ColumnFetchRequest(*arguments, rack_id=rack).prepare({1: versions})
    assert ours.encode() == theirs.encode()
    assert ours.API_VERSION == theirs.API_VERSION
    header = theirs.build_request_header(correlation_id=7, client_id="c")
    assert ours.build_request_header(correlation_id=7, client_id="c").encode() == header.encode()


@given(TOPICS, I32, I16, I32)
def test_responses_are_read_as_aiokafka_reads_them(topics, throttled, error, session):
    """Every field, from behind the header; cut anywhere, it is an error and never a shorter response."""
    theirs = FetchResponse_v11(throttle_time_ms=throttled, error_code=error, session_id=session, topics=topics)
    data = theirs.encode()
    read = BytesIO(b"head" + data)
    read.seek(4)
    ours = Answer.decode(read)
    plain = [(name, [(*each[:-1], None if each[-1] is None else bytes(each[-1])) for each in parts])
             for name, parts in ours.topics]  # fmt: skip
    assert plain == [(name, [tuple(each) for each in parts]) for name, parts in FetchResponse_v11.decode(data).topics]
    assert ours.error_code == error
    for end in {0, len(data) // 2, len(data) - 1}:
        with pytest.raises((struct.error, UnicodeDecodeError)):
            Answer.decode(BytesIO(data[:end]))
