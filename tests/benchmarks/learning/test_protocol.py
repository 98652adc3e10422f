"""PMLB-16 is played as its definition says: nothing is seen before its turn, and of each row one arm's reward only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.learning.protocol import play
from benchmarks.learning.sets import DATA, NAMES, Problem, _table, first, problem, scaled
from stream_workers.bandits.randomness import draws


class Witness:
    """Takes arms by the draw alone, and writes down all that it is told."""

    def __init__(self, arms: int) -> None:
        self.arms = arms
        self.seen: list[tuple[object, ...]] = []

    def decide(self, row: int, draw: float) -> tuple[int, float]:
        self.seen.append(("decide", row))
        return int(draw * self.arms), 1.0 / self.arms

    def learn(self, row: int, arm: int, propensity: float, reward: float) -> None:
        self.seen.append(("learn", row, arm, propensity, reward))


@given(right=st.lists(st.integers(0, 2), min_size=1, max_size=30), delay=st.integers(0, 40), seed=st.integers(0, 9))
def test_a_game_equals_its_definition(right, delay, seed):
    """Decide, see the chosen arm's reward `delay` events later, in order; loss is 1 - mean reward from the start."""
    posed = Problem("tiny", np.zeros((len(right), 1), np.float32), np.array(right), 3)
    witness = Witness(3)
    played = play(posed, witness, seed, delay)

    chances = draws([str(row) for row in range(len(right))], f"tiny/{seed}")
    chosen = [int(chance * 3) for chance in chances]
    expected: list[tuple[object, ...]] = []
    for row in range(len(right)):
        expected.append(("decide", row))
        if row >= delay:
            past = row - delay
            expected.append(("learn", past, chosen[past], 1.0 / 3, 1.0 if chosen[past] == right[past] else 0.0))
    assert witness.seen == expected
    wrong = sum(arm != best for arm, best in zip(chosen, right, strict=True))
    assert played.loss == pytest.approx(wrong / len(right))
    assert played.arms.tolist() == chosen


def test_the_sixteen_sets_are_what_their_table_says():
    """Rows, features and arms of every set are those of data/README.md."""
    said = {}
    for line in (DATA / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] in NAMES:
            said[cells[0]] = tuple(int(cell.replace(",", "")) for cell in cells[1:4])
    small = [name for name in NAMES if said[name][0] * said[name][1] < 200_000]
    assert len(NAMES) == len(said) == 16
    for name in small:
        features, right, arms = _table(name)
        assert (*features.shape, arms) == said[name]
        assert set(right.tolist()) == set(range(arms))


@given(st.data())
def test_scaling_is_of_each_column_to_its_own_range(data):
    """Smallest to 0, largest to 1, order kept; a constant column is 0."""
    n = data.draw(st.integers(1, 8))
    column = data.draw(st.lists(st.integers(-50, 50), min_size=n, max_size=n))
    table = np.column_stack([column, np.full(n, 7.0)]).astype(float)
    found = scaled(table)
    spread = max(column) - min(column)
    wanted = [(value - min(column)) / spread if spread else 0.0 for value in column]
    assert found[:, 0] == pytest.approx(wanted)
    assert not found[:, 1].any()


def test_rows_are_the_seed_s_permutation():
    """A problem has the first rows of default_rng(seed)'s permutation, features and classes together."""
    whole = problem("yeast", 3)
    part = first(problem("yeast", 3), 100)
    assert part.right.tolist() == whole.right[:100].tolist()
    assert sorted(problem("yeast", 4).right.tolist()) == sorted(whole.right.tolist())
    assert problem("yeast", 4).right.tolist() != whole.right.tolist()
    assert (whole.features.min(axis=0) == 0).all()
    assert (whole.features.max(axis=0) <= 1).all()
