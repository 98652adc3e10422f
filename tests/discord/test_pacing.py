"""However many answers stream in under one limit, their edits never pass it, and their ends never wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.discord.pacing import LEAST, Bucket, pause


@given(limit=st.integers(2, 20), window=st.floats(1, 10), sharing=st.integers(1, 6), start=st.floats(0, 10))
def test_edits_stay_within_the_limit_and_leave_each_answer_its_end(
    limit: int, window: float, sharing: int, start: float
) -> None:
    """Answers that edit as `pause` says, for a minute, against a limit that resets once in a window."""
    due = [start * n / sharing for n in range(sharing)]
    used: dict[int, int] = {}
    while min(due) < 60:
        each = min(range(sharing), key=due.__getitem__)
        now = due[each]
        in_window = int(now // window)
        spent = used.get(in_window, 0)
        left = Bucket(limit - spent, (in_window + 1) * window - now)
        used[in_window] = spent + 1
        due[each] = now + pause(Bucket(left.remaining - 1, left.reset_after), sharing)
    # Each may have one edit on its way when the limit is new to it; more than that never passes.
    assert max(used.values()) <= max(limit, sharing)


def test_a_lone_answer_is_shown_as_often_as_a_reader_profits() -> None:
    assert pause(None, 1) == LEAST
    assert pause(Bucket(4, 5.0), 1) == pytest.approx(5.0 / 3, rel=0.02)
    assert pause(Bucket(100, 5.0), 1) == LEAST
    assert pause(Bucket(5, 0.0), 1) == LEAST


def test_what_is_left_belongs_to_the_ends() -> None:
    assert pause(Bucket(1, 4.0), 1) == pytest.approx(4.0, rel=0.02)
    assert pause(Bucket(3, 4.0), 3) == pytest.approx(4.0, rel=0.02)
    assert pause(Bucket(0, 0.3), 1) == LEAST
