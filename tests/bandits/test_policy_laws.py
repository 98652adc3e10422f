"""Laws that every kind of policy is run through."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_workers.bandits.packing import pack
from stream_workers.bandits.policy import Batch, Setting
from stream_workers.bandits.registry import KINDS, check_params, make

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
SHAPES = [(1, 0), (1, 32), (2, 1), (3, 0), (5, 4), (12, 9), (64, 1), (3, 512)]
#: Every number of arms with every number of features that are worth telling apart.
GRID = list(itertools.product((1, 2, 3, 10, 64), (0, 1, 32, 512)))
FORGETTING = [1.0, 0.99]


def test_every_kind_is_here():
    """No kind of the registry escapes the laws."""
    assert {kind for kind, _ in CASES.values()} == set(KINDS)


@pytest.fixture(params=CASES, scope="module")
def case(request):
    """Kind and parameters."""
    return CASES[request.param]


def new(case, K, d, *, forgetting=1.0, minimum=0.05, names=None):
    kind, params = case
    arms = tuple(names or (f"a{i}" for i in range(K)))
    return make(kind, Setting(arms, d, minimum, forgetting, params))


def outcomes(K, d, n, seed=0, missing=0.0):
    """Logged outcomes with masks: some arm pays depending on the first feature.  missing: share of features."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, d)).astype(np.float32)
    eligible = rng.random((n, K)) < 0.7
    eligible[np.arange(n), rng.integers(K, size=n)] = True
    chosen = np.array([rng.choice(np.flatnonzero(row)) for row in eligible])
    propensity = 1.0 / eligible.sum(1)
    lead = features[:, 0] if d else np.zeros(n)
    reward = 1.0 / (1.0 + np.exp(-lead * np.where(chosen % 2, 1, -1)))
    features[rng.random((n, d)) < missing] = np.nan
    return Batch(features, eligible, chosen, propensity, reward, np.tile(rng.random(K), (n, 1)), rng.random(n))


def part(batch, rows):
    return Batch(*(None if column is None else column[rows] for column in batch))


def answer(policy, batch):
    """Probabilities and estimates as bytes."""
    p, q = policy.distribution(batch.features, batch.eligible, batch.costs, 0.3)
    return p.tobytes(), None if q is None else q.tobytes()


def check_probabilities(p, q, eligible, minimum=0.05):
    """Rows sum to 1, masks and the floor are honoured, nothing is NaN."""
    assert p.sum(1) == pytest.approx(1)
    assert (p[~eligible] == 0).all()
    floor = minimum / eligible.sum(1, keepdims=True)
    assert (p >= np.where(eligible, floor * (1 - 1e-9), 0)).all()
    assert q is None or np.isfinite(q).all()


@pytest.mark.parametrize(("K", "d"), GRID)
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_probabilities(case, K, d, missing):
    """At any stage of learning, for any number of arms and features, of which some may be missing."""
    policy = new(case, K, d, forgetting=0.99 if (K + d) % 2 else 1.0)
    for seed in range(2):
        batch = outcomes(K, d, 15, seed, missing)
        check_probabilities(*policy.distribution(batch.features, batch.eligible, batch.costs, 0.5), batch.eligible)
        check_probabilities(*policy.update(batch), batch.eligible)
    check_probabilities(*policy.distribution(batch.features, batch.eligible, batch.costs, 0.5), batch.eligible)


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
    batch = outcomes(K, d, 40, missing=0.1)
    whole, single = new(case, K, d, forgetting=forgetting), new(case, K, d, forgetting=forgetting)
    p, q = whole.update(batch)
    for i in range(40):
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
    policy.update(outcomes(K, d, 30))
    twin = type(policy).from_bytes(policy.to_bytes(), policy.setting)
    more = outcomes(K, d, 30, seed=1)
    assert twin.to_bytes() == policy.to_bytes()
    assert answer(twin, more) == answer(policy, more)
    policy.update(more)
    twin.update(more)
    assert twin.to_bytes() == policy.to_bytes()


def test_bytes_of_others_are_refused(case):
    """Bytes of another kind, cut off, or of nothing: refused with what to do, never misread.  Their number is known
    before there are any."""
    policy = new(case, 3, 2)
    policy.update(outcomes(3, 2, 20))
    data = policy.to_bytes()
    assert KINDS[case[0]].policy.state_bytes(3, 2, check_params(*case)) == len(data)
    for wrong in (b"\x93other", data[:-1], data + b"\0", pack({"theta": np.zeros(3)}, "another.1")):
        if wrong != data:
            with pytest.raises(ValueError, match="rebuild it from the outcomes log"):
                type(policy).from_bytes(wrong, policy.setting)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=6), st.sampled_from([1.0, 0.97]))
@pytest.mark.parametrize("delay", [0, 25])
def test_any_batches_any_delay(case, delay, cuts, forgetting):
    """However outcomes are cut into batches, and however many decisions are made while they are under way, the state is
    that of learning them one after the other: it does not know when it was asked."""
    batch, whole = outcomes(4, 3, 60, missing=0.1), new(case, 4, 3, forgetting=forgetting)
    whole.update(batch)
    policy, ends = new(case, 4, 3, forgetting=forgetting), sorted({0, *cuts, 60})
    for begin, end in itertools.pairwise(ends):
        now = part(batch, slice(min(begin + delay, 59), 60))
        policy.distribution(now.features, now.eligible, now.costs, 0.1)
        policy.update(part(batch, slice(begin, end)))
    assert policy.to_bytes() == whole.to_bytes()


def test_missing_is_the_mean(case):
    """A request of which nothing is known is answered as one whose features all are at their means."""
    policy, batch = new(case, 4, 3), outcomes(4, 3, 700, missing=0.2)
    policy.update(batch)
    there = batch.features.astype(np.float64)
    # What the standardiser froze: the first 500 of each feature that were there.
    mean = [column[~np.isnan(column)][:500].mean() for column in there.T]
    full, free = np.ones((1, 4), np.bool_), np.zeros((1, 4))
    unknown = policy.distribution(np.full((1, 3), np.nan, np.float32), full, free, 0.0)
    known = policy.distribution(np.array([mean], np.float32), full, free, 0.0)
    assert unknown[0] == pytest.approx(known[0], abs=1e-3)
    assert unknown[1] is None or unknown[1] == pytest.approx(known[1], abs=1e-4)


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


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_arms_come_go_move_and_change_price(case, data):
    """Through any such changes while it runs: probabilities stay probabilities, what is known of an arm that stays goes
    with its name, and the policy from its bytes goes on to the bit."""
    kind = case[0]
    names = [f"a{i}" for i in range(data.draw(st.integers(1, 5)))]
    policy, fresh = new(case, len(names), 3, forgetting=0.99, names=names), itertools.count(100)
    for round_ in range(4):
        K = len(names)
        batch = outcomes(K, 3, 12, seed=data.draw(st.integers(0, 9)))
        policy.update(batch._replace(costs=batch.costs * (1 + 4 * round_)))  # repriced
        x, full, free = batch.features, np.ones((12, K), np.bool_), np.zeros((12, K))
        _, before = policy.distribution(x, full, free, 0.0)
        stay = data.draw(st.lists(st.sampled_from(names), unique=True))
        come = [f"a{next(fresh)}" for _ in range(data.draw(st.integers(0 if stay else 1, 3)))]
        following = data.draw(st.permutations(stay + come))
        policy.rearrange(Setting(tuple(following), 3, 0.05, 0.99, case[1]))
        K = len(following)
        full, free = np.ones((12, K), np.bool_), np.zeros((12, K))
        p, after = policy.distribution(x, full, free, 0.0)
        check_probabilities(p, after, full)
        if before is not None and kind != "corral":
            for name in stay:
                assert (after[:, following.index(name)] == before[:, names.index(name)]).all()
        twin = type(policy).from_bytes(policy.to_bytes(), policy.setting)
        more = outcomes(K, 3, 8, seed=1)
        for each in (policy, twin):
            each.update(more)
        assert twin.to_bytes() == policy.to_bytes()
        names = following


def test_order_of_arms_does_not_matter(case):
    """With its arms in another order a policy decides and learns the same, arm by arm."""
    policy = new(case, 6, 4)
    policy.update(outcomes(6, 4, 200))
    order = np.array([3, 0, 5, 1, 4, 2])
    twin = type(policy).from_bytes(policy.to_bytes(), policy.setting)
    names = tuple(policy.setting.arms[i] for i in order)
    twin.rearrange(Setting(names, 4, 0.05, 1.0, case[1]))
    more = outcomes(6, 4, 100, seed=1)
    moved = more._replace(
        eligible=more.eligible[:, order].copy(),
        chosen=np.argsort(order)[more.chosen],
        costs=more.costs[:, order].copy(),
    )
    for one, other in (
        (policy.update(more), twin.update(moved)),
        (
            policy.distribution(more.features, more.eligible, more.costs, 0.2),
            twin.distribution(moved.features, moved.eligible, moved.costs, 0.2),
        ),
    ):
        assert other[0] == pytest.approx(one[0][:, order], abs=1e-6)
        assert one[1] is None or other[1] == pytest.approx(one[1][:, order], abs=1e-9)


def test_forgetting_forgets(case):
    """After the world turned, estimates that forget are nearer to how it is now."""
    estimates = {}
    for forgetting in (1.0, 0.95):
        policy = new(case, 3, 2, forgetting=forgetting)
        batch = outcomes(3, 2, 300)
        policy.update(batch._replace(reward=np.ones(300)))
        policy.update(part(batch, slice(0, 60))._replace(reward=np.zeros(60)))
        _, estimates[forgetting] = policy.distribution(batch.features, np.ones((300, 3), np.bool_), batch.costs, 0.0)
    if estimates[1.0] is not None:
        assert estimates[0.95].mean() < 0.5 * estimates[1.0].mean()


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
