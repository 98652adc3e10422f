"""The offset tree against a naive one, its shape under changes of the arms, and the problem it is for."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_workers.bandits import offset_tree
from stream_workers.bandits.feature_map import FREEZE_AFTER, expand
from stream_workers.bandits.offset_tree import OffsetTree
from stream_workers.bandits.offset_tree_shape import (
    DEEPEST,
    balanced,
    depth,
    leaves,
    rearranged,
    to_branch,
    to_shape,
)
from stream_workers.bandits.policy import Batch, Setting


def setting(arms, d, forgetting=1.0, minimum=0.02, **params):
    names = tuple(f"a{i}" for i in range(arms)) if isinstance(arms, int) else tuple(arms)
    return Setting(names, d, minimum, forgetting, params)


def logged(K, d, n, seed=0):
    """Outcomes of a random policy with masks, every propensity, costs and a budget."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, d)).astype(np.float32)
    eligible = rng.random((n, K)) < 0.8
    eligible[np.arange(n), rng.integers(K, size=n)] = True
    propensities = rng.uniform(0.1, 1, (n, K)) * eligible
    propensities /= propensities.sum(1, keepdims=True)
    chosen = np.array([rng.choice(K, p=row) for row in propensities])
    reward = np.clip(0.5 + 0.3 * np.sin(chosen + features.sum(1)) + 0.1 * rng.standard_normal(n), 0, 1)
    own = propensities[np.arange(n), chosen]
    return Batch(features, eligible, chosen, own, reward, rng.random((n, K)), 0.2 * rng.random(n), propensities)


class Naive:
    """The definition, with every regression solved anew and the tree as nested pairs."""

    def __init__(self, K, tree, ridge, gamma, minimum, clip, learned):
        self.K, self.tree, self.ridge, self.gamma, self.minimum = K, tree, ridge, gamma, minimum
        self.clip, self.learned = clip, learned
        self.examples = {}  # node (its two sides) -> [(phi, label, weight)]
        self.rewards = [[] for _ in range(K)]
        self.outcomes = 0

    def margin(self, node, phi, winners, costs, lambda_):
        examples = self.examples.get(node, [])
        if not examples:
            fit, mean = 0.0, 1.0
        else:
            X, y, w = (np.array(each) for each in zip(*examples, strict=True))
            fit = phi @ np.linalg.solve(self.ridge * np.eye(len(phi)) + (X.T * w) @ X, X.T @ (w * y))
            mean = w.mean()
        return fit - lambda_ * (costs[winners[0]] - costs[winners[1]]) / max(mean, 1e-3)

    def winner(self, node, phi, eligible, costs, lambda_):
        if isinstance(node, int):
            return node if eligible[node] else None
        both = [self.winner(side, phi, eligible, costs, lambda_) for side in node]
        if None in both:
            return both[0] if both[1] is None else both[1]
        return both[0] if self.margin(node, phi, both, costs, lambda_) >= 0 else both[1]

    def estimates(self, x):
        found = []
        for rewards in self.rewards:
            X, r = np.array([x for x, _ in rewards]).reshape(-1, len(x)), np.array([r for _, r in rewards])
            found.append(x @ np.linalg.solve(np.eye(len(x)) + X.T @ X, X.T @ r))
        return np.array(found)

    def probabilities(self, phi, eligible, costs, lambda_):
        p = np.zeros(self.K)

        def give(node, mass):
            if isinstance(node, int):
                p[node] = mass
                return
            both = [self.winner(side, phi, eligible, costs, lambda_) for side in node]
            if None in both:
                give(node[both[0] is None], mass)
                return
            margin = self.margin(node, phi, both, costs, lambda_)
            loser = 1 / (2 + self.gamma * np.sqrt(self.outcomes) * abs(margin))
            give(node[0], mass * (1 - loser if margin >= 0 else loser))
            give(node[1], mass * (loser if margin >= 0 else 1 - loser))

        give(self.tree, 1.0)
        return np.where(eligible, (1 - self.minimum) * p + self.minimum / eligible.sum(), 0)

    def learn(self, phi, x, eligible, chosen, reward, costs, lambda_, propensities):
        q = self.estimates(x)

        def visit(node):
            """Whether the chosen arm wins below; learning from the leaves up."""
            if isinstance(node, int):
                return node == chosen
            own = [side for side in node if chosen in leaves(side)]
            if not own or not visit(own[0]):
                return False
            on_left = own[0] is node[0]
            other = self.winner(node[1] if on_left else node[0], phi, eligible, costs, lambda_)
            if other is None:
                return True
            pair = [chosen, other] if on_left else [other, chosen]
            wins = (self.margin(node, phi, pair, costs, lambda_) >= 0) == on_left
            offset = np.clip((q[chosen] + q[other]) / 2, 0, 1) if self.learned else 0.5
            weight = min((propensities[chosen] + propensities[other]) / propensities[chosen], self.clip)
            label = 1.0 if on_left == (reward >= offset) else -1.0
            self.examples.setdefault(node, []).append((phi, label, weight * abs(reward - offset)))
            return wins

        visit(self.tree)
        self.rewards[chosen].append((x, reward))
        self.outcomes += 1


@pytest.mark.parametrize("interpreted", [False, True])
@pytest.mark.parametrize("offset", ["learned", "half"])
@pytest.mark.parametrize(("K", "map_"), [(5, "small"), (4, "standard")])
def test_naive(interpreted, offset, K, map_, monkeypatch):
    """Estimates and probabilities before every outcome are those of the definition, under masks and a budget."""
    if interpreted:
        monkeypatch.setattr(offset_tree, "learn", offset_tree.learn.py_func)
        monkeypatch.setattr(offset_tree, "distribute", offset_tree.distribute.py_func)
    d, n = 3, 60 if map_ == "small" else 12
    batch = logged(K, d, n)
    tree = OffsetTree(setting(K, d, offset=offset, map=map_, gamma=3.0, ridge=0.7))
    # A map that is already frozen, so that the naive learner sees the same phi.
    own, model = tree._arrays, tree._model
    own["mean"][:], own["scale"][:], own["seen"][:] = 0.1, 0.9, FREEZE_AFTER
    phis, z = np.zeros((n, model.m)), np.empty(d)
    for row, phi in zip(batch.features, phis, strict=True):
        waves = model.waves
        expand(
            row, own["mean"], own["scale"], model.slots, model.signs, model.factor, model.raw,
            waves.picks, waves.weights, waves.phases, z, phi,
        )  # fmt: skip
    naive = Naive(K, balanced(range(K)), 0.7, 3.0, 0.02, 2.0, offset == "learned")
    for i in range(n):
        x, phi, one = phis[i, : model.raw], phis[i, : model.size], slice(i, i + 1)
        said, q = tree.distribution(batch.features[one], batch.eligible[one], batch.costs[one], batch.lambdas[i])
        assert q[0] == pytest.approx(naive.estimates(x), abs=1e-9)
        expected = naive.probabilities(phi, batch.eligible[i], batch.costs[i], batch.lambdas[i])
        assert said[0] == pytest.approx(expected, abs=1e-9)
        tree.update(Batch(*(column[one] for column in batch)))
        naive.learn(
            phi, x, batch.eligible[i], int(batch.chosen[i]), batch.reward[i], batch.costs[i], batch.lambdas[i],
            batch.propensities[i],
        )  # fmt: skip
    assert len(naive.examples) > 1
    assert sum(len(each) for each in naive.examples.values()) > n  # more than one node learned from many outcomes


def test_other_propensities_matter():
    """What the log says of the other arm is used; without it the tree's own probability stands for it."""
    batch = logged(3, 2, 200)
    trees = [OffsetTree(setting(3, 2)) for _ in range(2)]
    trees[0].update(batch)
    p, _ = trees[1].update(batch._replace(propensities=None))
    assert trees[0].to_bytes() != trees[1].to_bytes()
    again = OffsetTree(setting(3, 2))
    again.update(batch._replace(propensities=p))
    assert again.to_bytes() == trees[1].to_bytes()


@given(st.integers(1, 64))
def test_balanced(K):
    """A fresh tree has every arm once, K - 1 nodes, parents first, and the least depth; it survives its arrays."""
    tree = balanced(range(K))
    shape = to_shape(tree)
    assert leaves(tree) == list(range(K))
    assert len(shape.left) == len(shape.right) == K - 1
    assert depth(tree) == (K - 1).bit_length()
    assert all(child < 0 or child > node for node, both in enumerate(zip(*shape, strict=True)) for child in both)
    assert to_branch(shape) == tree


@st.composite
def histories(draw):
    """A number of arms, then several lists of which arms are there: old ones by name, new ones among them."""
    names = list(range(draw(st.integers(1, 20))))
    following, next_name = [], len(names)
    now = names
    for _ in range(draw(st.integers(1, 8))):
        stay = draw(st.lists(st.sampled_from(now), unique=True, max_size=len(now)))
        new = list(range(next_name, next_name + draw(st.integers(0 if stay else 1, 6))))
        next_name += len(new)
        now = draw(st.permutations(stay + new))
        following.append(now)
    return names, following


@given(histories())
def test_rearranged(history):
    """Through any changes: all arms once, never too deep, and a node that is kept compares the same arms as before."""
    now, following = history
    shape = to_shape(balanced(range(len(now))))

    def sides(shape, node, names):
        tree = to_branch(shape)

        def find(branch, counter):
            if isinstance(branch, int):
                return None
            if next(counter) == node:
                return branch
            return find(branch[0], counter) or find(branch[1], counter)

        left, right = find(tree, itertools.count())
        return {names[arm] for arm in leaves(left)}, {names[arm] for arm in leaves(right)}

    for names in following:
        known = [now.index(name) if name in now else -1 for name in names]
        after, same = rearranged(shape, known)
        tree = to_branch(after)
        assert sorted(leaves(tree)) == list(range(len(names)))
        assert depth(tree) <= DEEPEST * (len(names) - 1).bit_length()
        assert len({new for new, _ in same}) == len({old for _, old in same}) == len(same)
        for new, old in same:
            gone = set(now) - set(names)
            assert sides(after, new, names) == tuple(side - gone for side in sides(shape, old, now))
        if set(names) == set(now):
            assert len(same) == len(names) - 1
        now, shape = names, after


def test_what_is_kept():
    """An arm that comes leaves every old node alone; one that goes takes only the node where it was compared."""
    tree = OffsetTree(setting(4, 2))
    tree.update(logged(4, 2, 300))
    before = {name: tree._arrays[name].copy() for name in ("theta", "panels", "weights")}
    tree.rearrange(setting(("a0", "a1", "a2", "a3", "new"), 2))
    for name, old in before.items():
        assert (tree._arrays[name][1:] == old).all()
    assert not tree._arrays["theta"][0].any()
    assert to_branch(tree.shape) == (((0, 1), (2, 3)), 4)
    tree.rearrange(setting(("a0", "a1", "a3", "new"), 2))
    assert to_branch(tree.shape) == (((0, 1), 2), 3)
    assert (tree._arrays["theta"][1:] == before["theta"][:2]).all()
    tree.rearrange(setting(("new", "a3", "a1", "a0"), 2))  # names, not places
    assert to_branch(tree.shape) == (((3, 2), 1), 0)
    assert (tree._arrays["theta"][1:] == before["theta"][:2]).all()


@pytest.mark.parametrize("offset", ["learned", "half"])
def test_learns(offset):
    """Where the best arm depends on the features it ends near the best policy, far above every fixed arm."""
    rng = np.random.default_rng(3)
    n, K, d = 6000, 5, 4
    features, coin, draws = rng.standard_normal((n, d)).astype(np.float32), rng.random(n), rng.random(n)
    means = np.where(np.argmax(features @ rng.standard_normal((d, K)), 1)[:, None] == np.arange(K), 0.9, 0.2)
    tree, full, free = OffsetTree(setting(K, d, offset=offset)), np.ones((1, K), np.bool_), np.zeros((1, K))
    chosen = np.empty(n, np.int64)
    for i in range(n):
        one = features[i : i + 1]
        p, _ = tree.distribution(one, full, free, 0.0)
        c = chosen[i] = min(int(np.searchsorted(np.cumsum(p[0]), draws[i])), K - 1)
        reward = np.array([float(coin[i] < means[i, c])])
        tree.update(Batch(one, full, chosen[i : i + 1], p[0, c : c + 1].copy(), reward, free, np.zeros(1), p))
    earned = means[np.arange(n), chosen][-2000:].mean()
    fixed = means.mean(0).max()
    assert earned > fixed + 0.5 * (0.9 - fixed)


def test_a_new_arm_is_tried():
    """An arm that joins a tree that is sure of itself is tried at once, and wins if it is better."""
    tree = OffsetTree(setting(3, 0))
    n = 600
    full = np.ones((n, 3), np.bool_)
    chosen = np.arange(n) % 3
    reward = np.where(chosen == 1, 0.7, 0.2)
    third = np.full(n, 1 / 3)
    tree.update(Batch(np.empty((n, 0), np.float32), full, chosen, third, reward, np.zeros((n, 3)), np.zeros(n)))
    tree.rearrange(setting(4, 0))
    one, mask, free = np.empty((1, 0), np.float32), np.ones((1, 4), np.bool_), np.zeros((1, 4))
    p, _ = tree.distribution(one, mask, free, 0.0)
    assert p[0, 3] > 0.3
    for i in range(60):
        p, _ = tree.distribution(one, mask, free, 0.0)
        c = 3 if i % 2 else 1
        tree.update(
            Batch(one, mask, np.array([c]), p[0, c : c + 1], np.array([0.95 if c == 3 else 0.7]), free, np.zeros(1), p)
        )
    p, _ = tree.distribution(one, mask, free, 0.0)
    assert p[0].argmax() == 3
