"""Outcomes of one unit that are alike: sums as units, random groups, and the bootstrap of clusters."""

import math

import numpy as np
import pytest

from stream_workers.evaluation.bootstrap import intervals
from stream_workers.evaluation.clusters import FEWEST, cluster_interval, design_effect, numbered, sums, unit_variance
from stream_workers.evaluation.confidence import half_width
from stream_workers.evaluation.groups import GROUPS, ROWS, add, group_of, groups, highest_variance
from stream_workers.evaluation.groups import design_effect as by_groups


def users(count, each, spread, seed=0):
    """Terms of `each` outcomes of so many users, who differ by `spread`."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(count), each)
    return 0.5 + np.repeat(rng.normal(0, spread, count), each) + rng.normal(0, 0.2, count * each), cluster


def test_numbered():
    """By first appearance."""
    assert numbered(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]


def test_every_outcome_alone():
    """With clusters of one the variance is that of the terms, and there is no design effect."""
    x, _ = users(500, 1, 0.0)
    alone = np.arange(500)
    assert unit_variance(x, alone) == (500, pytest.approx(x.var(ddof=1)))
    assert design_effect(x, alone) == 1.0
    assert cluster_interval(x, alone).upper - x.mean() == pytest.approx(half_width(500, x.var(ddof=1)))


def test_variance_is_that_of_means_of_clusters():
    """With clusters of one size the variance is that of their means."""
    x, cluster = users(80, 7, 0.3)
    C, variance = unit_variance(x, cluster)
    assert C == 80
    assert variance == pytest.approx(x.reshape(80, 7).mean(axis=1).var(ddof=1))
    assert sums(x, cluster)[1].tolist() == [7.0] * 80


def test_design_effect():
    """About 1 + (m - 1) rho for clusters of m with correlation rho (Kish), up to its limit for chance."""
    x, cluster = users(400, 10, 0.2)  # rho is 1/2
    found = design_effect(x, cluster) / highest_variance(399)
    assert found == pytest.approx(1 + 9 * 0.5, rel=0.2)
    assert math.isnan(design_effect(*users(FEWEST - 1, 10, 0.2)))


def test_highest_variance():
    """The upper limit of a variance: so many times what was found is exceeded once in twenty."""
    rng = np.random.default_rng(0)
    for degrees in (15, 63):
        found = rng.chisquare(degrees, 20_000) / degrees
        assert (found * highest_variance(degrees) < 1.0).mean() == pytest.approx(0.05, abs=0.006)


def test_groups_are_the_same_either_way():
    """The kernel on bytes and the function on texts deal alike; units go to all groups, a unit always to its own."""
    names = [f"user-{i}" for i in range(2000)]
    dealt = groups(names, names)
    assert set(dealt.tolist()) == set(range(GROUPS))
    assert (groups([None] * 2000, names) == dealt + GROUPS).all()
    for name, group in zip(names[:50], dealt[:50].tolist(), strict=True):
        text = np.frombuffer(b"x" + name.encode() + b"y", np.uint8).copy()
        assert group_of(text, 1, len(text) - 1, True) == group
        assert group_of(text, 1, len(text) - 1, False) == group + GROUPS


def test_random_groups_find_the_design_effect():
    """Over many deals the groups' design effect is, on average, that of the clusters themselves."""
    x, cluster = users(300, 10, 0.2)
    direct = design_effect(x, cluster) / highest_variance(299)
    found = []
    for seed in range(100):
        dealt = np.random.default_rng(seed).integers(0, GROUPS, 300)[cluster]
        state = np.zeros((ROWS, 2))
        for group, term in zip(dealt.tolist(), x.tolist(), strict=True):
            add(state, group, term)
        found.append(by_groups(state, float(len(x)), x.mean(), x.var()) / highest_variance(GROUPS - 1.0))
    assert np.mean(found) == pytest.approx(direct, rel=0.1)


def test_bootstrap():
    """A cluster bootstrap's interval is about that of the clusters' normal approximation; a ratio's has its own."""
    x, cluster = users(200, 5, 0.3)
    given = sums(x, cluster)
    ((low, high),) = intervals([given], np.random.default_rng(0))
    C, variance = unit_variance(x, cluster)
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(variance / C), rel=0.1)
    assert low < x.mean() < high
    assert intervals([given], np.random.default_rng(0)) == [(low, high)]
    twice, none = intervals([(2 * given[0], given[1]), (given[0], 0 * given[1])], np.random.default_rng(0))
    assert twice == (pytest.approx(2 * low), pytest.approx(2 * high))
    assert all(map(math.isnan, none))


def test_coverage_by_cluster():
    """Intervals by cluster hold the mean of all users, at every moment, where those by outcome do not.

    200 logs in which 400 users come one after another, 10 outcomes each, looked at after every tenth user.
    """
    gone = np.zeros(2)
    for seed in range(200):
        x, cluster = users(400, 10, 0.2, seed)
        looks = range(100, 4001, 100)
        by_cluster = [cluster_interval(x[:n], cluster[:n]) for n in looks]
        gone[0] += any(not i.lower <= 0.5 <= i.upper for i in by_cluster)
        gone[1] += any(abs(x[:n].mean() - 0.5) > half_width(n, x[:n].var()) for n in looks)
    assert gone[0] / 200 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 200)
    assert gone[1] / 200 > 0.2
