from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.replay.schedule import Interaction, rows_played, schedule, shares

sizes = st.lists(st.integers(1, 60), min_size=1, max_size=5)


@given(sizes, st.integers(0, 400))
def test_shares_are_fair(rows, interactions):
    """All interactions are given out; while rows last none is played twice and nobody gets two more than another."""
    given_ = shares(rows, interactions)
    assert sum(given_) == interactions
    passes = interactions // sum(rows)
    within = [share - passes * size for share, size in zip(given_, rows, strict=True)]
    assert all(0 <= each <= size for each, size in zip(within, rows, strict=True))
    for one, size in zip(within, rows, strict=True):
        if one < size:  # whoever is not used up has at least as much as anybody else, but for the rounding
            assert one >= max(within) - 1


@given(sizes, st.integers(0, 300), st.integers(0, 2**32))
def test_a_schedule_is_a_function_of_its_seed(rows, interactions, seed):
    """Same arguments, same schedule; every pass over a recording has every row once; indexes count without holes."""
    made = schedule(rows, interactions, seed)
    assert made == schedule(rows, interactions, seed)
    for recording, size in enumerate(rows):
        played = rows_played(made, recording)
        indexes = [each.index for each in made if each.recording == recording]
        assert indexes == list(range(len(played)))
        for start in range(0, len(played) - size + 1, size):
            assert sorted(played[start : start + size]) == list(range(size))
        rest = played[len(played) - len(played) % size :]
        assert len(set(rest)) == len(rest)


def test_recordings_are_interleaved_evenly():
    """After any part of the play each recording has had about that part of its share: learners run side by side."""
    made = schedule([1000, 1000, 250], 2000, seed=3)
    total = Counter(each.recording for each in made)
    assert total == {0: 875, 1: 875, 2: 250}
    for part in (0.25, 0.5, 0.75):
        so_far = Counter(each.recording for each in made[: int(part * len(made))])
        for recording, share in total.items():
            assert so_far[recording] == pytest.approx(part * share, abs=5)


def test_another_seed_gives_another_order():
    """Seeds matter: both the rows taken and their order differ."""
    assert schedule([50], 20, seed=1) != schedule([50], 20, seed=2)


def test_a_golden_schedule():
    """The order is the same on every machine and version, for ever: figures can be compared."""
    assert schedule([5, 3], 5, seed=42) == [
        Interaction(*each) for each in [(0, 0, 0), (1, 0, 0), (0, 1, 4), (1, 1, 1), (0, 2, 3)]
    ]


def test_nothing_to_play_is_refused():
    """A recording without rows, or less than nothing, is an error that says so."""
    for rows, interactions in (([0], 1), ([], 1), ([3], -1)):
        with pytest.raises(ValueError, match="expected rows in each"):
            shares(rows, interactions)
