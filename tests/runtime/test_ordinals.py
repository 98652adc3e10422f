"""Which ordinals were seen: exact, whatever the order, the repetitions and the moments of flushing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import CroupierError
from stream_workers.ordinals import PAGE_BITS, Ordinals
from stream_workers.runtime.stage import MemoryState


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3 * PAGE_BITS), max_size=200), st.integers(1, 50))
def test_each_number_is_first_once(numbers, every):
    """Equal to a set, over restarts at any flush."""
    state, seen = MemoryState(), set()
    ordinals = Ordinals(state)
    for index, number in enumerate(numbers):
        assert ordinals.first(number) == (number not in seen)
        seen.add(number)
        if index % every == 0:
            ordinals.flush()
            ordinals = Ordinals(state)


def test_what_is_kept_depends_on_the_numbers_alone_and_full_pages_cost_nothing():
    """Another order and other moments of flushing give the same bytes; complete pages leave only the floor."""
    numbers = list(range(2 * PAGE_BITS + 10))
    states = []
    for order, every in ((numbers, 100), (numbers[::-1], 777), (numbers[1::2] + numbers[::2], 10**9)):
        state = MemoryState()
        ordinals = Ordinals(state)
        for index, number in enumerate(order):
            ordinals.first(number)
            if index % every == 0:
                ordinals.flush()
        ordinals.flush()
        states.append(state.items)
    assert states[0] == states[1] == states[2]
    assert len(states[0]) == 2  # the floor, and one page


@pytest.mark.parametrize(("number", "page"), [(bytes(8), bytes(8)), (bytes(8), bytes(513)), (b"", bytes(512))])
def test_what_is_no_page_is_refused_when_it_is_read(number, page):
    """Compiled code would write beyond eight bytes: a worker died of it at each start, somewhere else each time."""
    state = MemoryState()
    state.put(b"\x01ordinals/" + number, page)
    with pytest.raises(CroupierError, match="damaged"):
        Ordinals(state)
