"""Laws that every kind of policy is run through."""

import math

import numpy as np
import pytest

from stream_workers.bandits.policy import Batch, Setting
from stream_workers.bandits.registry import KINDS, make

#: Every kind with parameters worth telling apart.  A new kind belongs here (test_every_kind_is_here).
CASES = {
    "doubly_robust": ("doubly_robust", {}),
    "doubly_robust-bonus": ("doubly_robust", {"bonus": 0.5, "gamma": 300.0}),
    "doubly_robust-folded": ("doubly_robust", {"width": 3}),
    "doubly_robust-standard": ("doubly_robust", {"map": "standard"}),
    "linucb": ("linucb", {}),
    "linucb-standard": ("linucb", {"map": "standard"}),
    "thompson": ("thompson", {"bonus": 0.5}),
    "thompson-standard": ("thompson", {"map": "standard", "width": 3}),
    "squarecb": ("squarecb", {}),
    "squarecb-standard": ("squarecb", {"map": "standard"}),
    "fastcb": ("fastcb", {"gamma": 20.0}),
    "epsilon_greedy": ("epsilon_greedy", {"cooling": 0.1}),
    "softmax": ("softmax", {}),
    "softmax-standard": ("softmax", {"map": "standard", "bonus": 0.1}),
    "offset_tree": ("offset_tree", {}),
    "offset_tree-half": ("offset_tree", {"offset": "half", "map": "standard"}),
    "offset_tree-folded": ("offset_tree", {"width": 3}),
    "corral": ("corral", {}),
    "corral-kinds": ("corral", {"bases": "linucb:small, offset_tree:small,thompson:small", "rate": 1.0}),
    "fixed": ("fixed", {"arm": "a0"}),
    "uniform": ("uniform", {}),
}
SHAPES = [(1, 0), (1, 5), (2, 1), (5, 4), (12, 9)]
FORGETTING = [1.0, 0.99]


def test_every_kind_is_here():
    """No kind of the registry escapes the laws."""
    assert {kind for kind, _ in CASES.values()} == set(KINDS)


@pytest.fixture(params=CASES)
def case(request):
    """Kind and parameters."""
    return CASES[request.param]


def new(case, K, d, *, forgetting=1.0, minimum=0.05, names=None):
    kind, params = case
    arms = tuple(names or (f"a{i}" for i in range(K)))
    return make(kind, Setting(arms, d, minimum, forgetting, params))


def outcomes(K, d, n, seed=0):
    """Logged outcomes with masks: some arm pays depending on the first feature."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, d)).astype(np.float32)
    eligible = rng.random((n, K)) < 0.7
    eligible[np.arange(n), rng.integers(K, size=n)] = True
    chosen = np.array([rng.choice(np.flatnonzero(row)) for row in eligible])
    propensity = 1.0 / eligible.sum(1)
    lead = features[:, 0] if d else np.zeros(n)
    reward = 1.0 / (1.0 + np.exp(-lead * np.where(chosen % 2, 1, -1)))
    return Batch(features, eligible, chosen, propensity, reward, np.tile(rng.random(K), (n, 1)), rng.random(n))


def part(batch, rows):
    return Batch(*(None if column is None else column[rows] for column in batch))


def answer(policy, batch):
    """Probabilities and estimates as bytes."""
    p, q = policy.distribution(batch.features, batch.eligible, batch.costs, 0.3)
    return p.tobytes(), None if q is None else q.tobytes()


@pytest.mark.parametrize(("K", "d"), SHAPES)
@pytest.mark.parametrize("forgetting", FORGETTING)
def test_probabilities(case, K, d, forgetting):
    """At any stage of learning: rows sum to 1, masks and the floor are honoured, nothing is NaN."""
    policy = new(case, K, d, forgetting=forgetting)
    for seed in range(4):
        batch = outcomes(K, d, 50, seed)
        p, q = policy.distribution(batch.features, batch.eligible, batch.costs, 0.5)
        assert p.sum(1) == pytest.approx(1)
        assert (p[~batch.eligible] == 0).all()
        floor = 0.05 / batch.eligible.sum(1, keepdims=True)
        assert (p >= np.where(batch.eligible, floor * (1 - 1e-9), 0)).all()
        assert q is None or np.isfinite(q).all()
        policy.update(batch)


def test_no_eligible_arm(case):
    """A request without an eligible arm gets no probability anywhere, and the others theirs."""
    policy = new(case, 3, 2)
    eligible = np.array([[False] * 3, [True] * 3])
    p, _ = policy.distribution(np.zeros((2, 2), np.float32), eligible, np.zeros((2, 3)), 0.0)
    assert (p[0] == 0).all()
    assert p[1].sum() == pytest.approx(1)


@pytest.mark.parametrize(("K", "d"), SHAPES)
@pytest.mark.parametrize("forgetting", FORGETTING)
def test_batch_is_its_sequence(case, K, d, forgetting):
    """However outcomes are batched, state and what was thought before each are the same bits; deciding said so, too.

    What deciding says is another order of the same sums, with fused operations: as near as float64 lets them be.
    """
    batch = outcomes(K, d, 80)
    whole, single = new(case, K, d, forgetting=forgetting), new(case, K, d, forgetting=forgetting)
    p, q = whole.update(batch)
    for i in range(80):
        said = single.distribution(
            batch.features[i : i + 1], batch.eligible[i : i + 1], batch.costs[i : i + 1], float(batch.lambdas[i])
        )
        one = part(batch, slice(i, i + 1))
        thought = single.update(one)
        assert thought[0].tobytes() == p[i].tobytes()
        assert said[0][0] == pytest.approx(p[i], abs=1e-7)  # Thompson's integral magnifies the last bits
        if q is not None:
            assert thought[1].tobytes() == q[i].tobytes()
            assert said[1][0] == pytest.approx(q[i], abs=1e-12)
    assert whole.to_bytes() == single.to_bytes()


@pytest.mark.parametrize(("K", "d"), SHAPES)
@pytest.mark.parametrize("forgetting", FORGETTING)
def test_bytes(case, K, d, forgetting):
    """A policy from bytes answers the same, goes on the same and has the same bytes."""
    policy = new(case, K, d, forgetting=forgetting)
    policy.update(outcomes(K, d, 60))
    twin = type(policy).from_bytes(policy.to_bytes(), policy.setting)
    more = outcomes(K, d, 60, seed=1)
    assert twin.to_bytes() == policy.to_bytes()
    assert answer(twin, more) == answer(policy, more)
    policy.update(more)
    twin.update(more)
    assert twin.to_bytes() == policy.to_bytes()


def test_reading_changes_nothing(case):
    """Deciding leaves the state as it was and says the same again."""
    policy = new(case, 5, 4)
    policy.update(outcomes(5, 4, 60))
    before, batch = policy.to_bytes(), outcomes(5, 4, 20, seed=2)
    assert answer(policy, batch) == answer(policy, batch)
    assert policy.to_bytes() == before


def test_rows_do_not_depend_on_each_other(case):
    """A request gets the same probabilities alone as in a batch."""
    policy = new(case, 5, 4)
    policy.update(outcomes(5, 4, 60))
    batch = outcomes(5, 4, 20, seed=2)
    p, _ = policy.distribution(batch.features, batch.eligible, batch.costs, 0.3)
    for i in range(20):
        alone, _ = policy.distribution(
            batch.features[i : i + 1], batch.eligible[i : i + 1], batch.costs[i : i + 1], 0.3
        )
        assert alone.tobytes() == p[i].tobytes()


def test_arms_change(case):
    """Adding, removing and reordering arms keeps what is known about the others, by name."""
    policy = new(case, 4, 3)
    policy.update(outcomes(4, 3, 200))
    x = outcomes(4, 3, 30, seed=3).features
    _, before = policy.distribution(x, np.ones((30, 4), np.bool_), np.zeros((30, 4)), 0.0)
    setting = policy.setting
    policy.rearrange(Setting(("new", "a3", "a0"), 3, 0.05, 1.0, setting.params))
    p, after = policy.distribution(x, np.ones((30, 3), np.bool_), np.zeros((30, 3)), 0.0)
    assert p.sum(1) == pytest.approx(1)
    if before is not None:
        assert (after[:, 1:] == before[:, [3, 0]]).all()
        assert np.isfinite(after).all()
    policy.update(outcomes(3, 3, 50, seed=4))
    twin = type(policy).from_bytes(policy.to_bytes(), policy.setting)
    assert twin.to_bytes() == policy.to_bytes()


def test_same_setting_changes_nothing(case):
    """Going on under the same setting is going on."""
    policy = new(case, 4, 3, forgetting=0.99)
    policy.update(outcomes(4, 3, 100))
    before = policy.to_bytes()
    policy.rearrange(policy.setting)
    assert policy.to_bytes() == before


@pytest.mark.parametrize("forgetting", [1.0, 0.999, 0.901])
def test_long_run_with_dead_features(case, forgetting):
    """100,000 outcomes with dead and duplicate features and an arm that nobody chooses: all stays finite."""
    n, K, d = 20_000, 3, 5
    policy = new(case, K, d, forgetting=forgetting)
    rng = np.random.default_rng(0)
    features = rng.standard_normal((n, d)).astype(np.float32)
    features[1000:, 1] = 0.0
    features[:, 2] = features[:, 0]
    features[:, 3] = 7.25
    chosen = rng.integers(2, size=n)
    full = np.full((n, K), fill_value=True)
    batch = Batch(features, full, chosen, np.full(n, 0.01), rng.random(n), np.zeros((n, K)), np.zeros(n))
    for _ in range(5):
        p, q = policy.update(batch)
    assert np.isfinite(p).all()
    assert p.sum(1) == pytest.approx(1)
    assert q is None or np.abs(q).max() < 10


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_extreme_features(case, scale):
    """Features of any finite size neither overflow nor lose the probabilities."""
    batch = outcomes(3, 4, 100)
    batch = batch._replace(features=(batch.features * np.float32(scale)).astype(np.float32))
    policy = new(case, 3, 4)
    policy.update(batch)
    p, q = policy.distribution(batch.features, batch.eligible, batch.costs, 0.0)
    assert p.sum(1) == pytest.approx(1)
    assert q is None or np.isfinite(q).all()


def test_price_matters_under_a_budget():
    """Between arms that are equally good a learner prefers the cheap one as lambda grows."""
    policy = new(CASES["doubly_robust"], 2, 0)
    n = 400
    batch = Batch(
        np.empty((n, 0), np.float32),
        np.full((n, 2), fill_value=True),
        np.arange(n) % 2,
        np.full(n, 0.5),
        np.full(n, 0.6),
        np.tile([1.0, 0.1], (n, 1)),
        np.zeros(n),
    )
    policy.update(batch)
    shares = [
        policy.distribution(batch.features[:1], batch.eligible[:1], batch.costs[:1], x)[0][0, 1] for x in (0, 1, 5)
    ]
    assert math.isclose(shares[0], 0.5, abs_tol=0.1)
    assert shares[0] < shares[1] < shares[2]
