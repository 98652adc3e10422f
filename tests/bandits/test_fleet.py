"""What tenants add to a fleet's sum, and what a new one gets out of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.replay.bundled import load
from stream_workers.bandits import fleet, prior
from stream_workers.bandits.policy import Batch, Setting
from stream_workers.bandits.privacy import delta_of, mu_of
from stream_workers.bandits.registry import make


@st.composite
def tenants(draw):
    """Any data of some tenants, extreme ones too."""
    K, d = draw(st.integers(1, 5)), draw(st.integers(0, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    found = []
    for _ in range(draw(st.integers(1, 6))):
        n = draw(st.sampled_from([0, 1, 2, 30, 300]))
        x = (rng.normal(size=(n, d)) * draw(st.sampled_from([0.0, 1e-9, 1.0, 1e30]))).astype(np.float32)
        x[rng.random(x.shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = np.nan
        reward = (rng.random(n) < rng.random()).astype(np.float64)
        found.append((x, rng.integers(K, size=n), reward))
    return K, found


@settings(max_examples=150, deadline=None)
@given(tenants(), st.data())
def test_a_tenant_moves_the_sum_by_no_more_than_the_bounds(given_, data):
    """With or without any one tenant, whatever it sends: no block of the sum differs by more than its bound."""
    K, rows = given_
    shares = [fleet.contribution(K, *each) for each in rows]
    gone = data.draw(st.integers(0, len(rows) - 1))
    rest = [each for place, each in enumerate(shares) if place != gone]
    without = fleet.total(rest) if rest else fleet.Blocks.zero(K, rows[0][0].shape[1])
    for one, other, bound in zip(fleet.total(shares), without, fleet.BOUNDS, strict=True):
        assert np.isfinite(one).all()
        assert np.linalg.norm(one - other) <= bound * (1 + 1e-9)


@pytest.mark.parametrize("shares", [fleet.SHARES, fleet.ARMS_ALONE])
def test_the_noise_is_what_the_accountant_counts(shares):
    """Blocks at their bounds, in units of their noise, are together as long as mu says: delta is what is declared."""
    mu = mu_of(1.0, 1e-6)
    noise = fleet.deviations(mu, shares)
    length = np.sqrt(sum((bound / s) ** 2 for bound, s in zip(fleet.BOUNDS, noise, strict=True) if s > 0.0))
    assert length == pytest.approx(mu, rel=1e-12)
    assert delta_of(length, 1.0) == pytest.approx(1e-6, rel=1e-6)


def test_the_published_numbers_have_that_noise():
    """Deviation and mean of many publications of one sum, and no more digits than the grain."""
    summed = fleet.Blocks(np.full(3, 0.25), np.full(8, -0.5), np.full(8, 0.125))
    random = np.random.default_rng(1)
    many = [fleet.published(summed, 0.5, fleet.SHARES, random) for _ in range(4000)]
    for block, truth, deviation in zip(
        zip(*many, strict=True), summed, fleet.deviations(0.5, fleet.SHARES), strict=True
    ):
        values = np.array(block)
        assert values.std(axis=0) == pytest.approx(deviation, rel=0.06)
        assert np.abs(values.mean(axis=0) - truth).max() < 5 * deviation / np.sqrt(4000)
        assert (values / fleet._GRAIN == np.round(values / fleet._GRAIN)).all()
    alone = fleet.published(summed, 0.5, fleet.ARMS_ALONE, random)
    assert [len(each) for each in alone] == [3, 0, 0]


def test_noise_alone_is_worth_nothing():
    """Where tenants have nothing in common, what is taken from the sum is hardly more than nothing."""
    worth = []
    for seed in range(50):
        pub = fleet.published(fleet.Blocks.zero(8, 4), 0.24, fleet.SHARES, np.random.default_rng(seed))
        known = fleet.common(pub, 50, [50] * 8, fleet.deviations(0.24, fleet.SHARES))
        worth.append(known.worth)
        assert (known.levels >= 0.0).all()
        assert (known.levels <= 1.0).all()
        assert (known.deviations > 0.0).all()
    assert np.mean(worth) < 0.25


class Fleet:
    """Tenants that draw their requests from a recording, every arm with the same probability; and one that is new."""

    def __init__(self, name, component, tenants, seed):
        recording = load(name, content=False)
        rng = np.random.default_rng(seed)
        features = np.stack([recording.features(row) for row in range(recording.rows)]).astype(np.float32)
        rewards = np.nan_to_num(recording.observed[component])
        order = rng.permutation(recording.rows)
        theirs, self.own = order[: int(0.7 * len(order))], order[int(0.7 * len(order)) :][:400]
        self.arms, self.tenants, self.draws = recording.arms, tenants, rng.random(400)
        self.features, self.rewards = features[self.own], rewards[self.own]
        K = len(self.arms)
        self.shares = []
        for _ in range(tenants):
            rows, chosen = rng.choice(theirs, 300), rng.integers(K, size=300)
            self.shares.append(fleet.contribution(K, features[rows], chosen, rewards[rows, chosen]))
        self.setting = Setting(self.arms, features.shape[1], 0.02, 1.0, {})

    def begun(self, kind, epsilon, seed):
        mu = mu_of(epsilon, 1e-6)
        shares = fleet.shares_for(mu, self.tenants)
        pub = fleet.published(fleet.total(self.shares), mu, shares, np.random.default_rng(seed))
        known = fleet.common(pub, self.tenants, [self.tenants] * len(self.arms), fleet.deviations(mu, shares))
        return prior.begin(kind, self.setting, prior.shared(self.arms, known, 20))

    def play(self, policy):
        K, earned = len(self.arms), []
        eligible, costs, none = np.ones((1, K), np.bool_), np.zeros((1, K)), np.zeros(1)
        for i in range(len(self.own)):
            x = self.features[i : i + 1]
            p, _ = policy.distribution(x, eligible, costs, 0.0)
            arm = min(int(np.searchsorted(np.cumsum(p[0]), self.draws[i])), K - 1)
            reward = self.rewards[i, arm : arm + 1].copy()
            policy.update(Batch(x, eligible, np.array([arm]), p[0, arm : arm + 1].copy(), reward, costs, none))
            earned.append(reward[0])
        return np.array(earned)


@pytest.mark.parametrize("kind", ["squarecb", "doubly_robust"])
@pytest.mark.parametrize(
    ("name", "component"),
    [("stand-in-analysis", "success"), ("stand-in-engagement", "success"), ("llmrouter", "quality")],
)
def test_recorded_data_a_new_tenant_is_better_from_the_first_event(kind, name, component):
    """With 200 tenants and epsilon 1, a new tenant earns more in its first 50 requests than one that begins with
    nothing, in the mean over publications and tenants, and no less afterwards."""
    warm, cold = [], []
    for seed in range(3):
        them = Fleet(name, component, 200, seed)
        cold.append(them.play(make(kind, them.setting)))
        warm.append(them.play(them.begun(kind, 1.0, seed)))
    assert np.mean(warm, axis=0)[:50].mean() > np.mean(cold, axis=0)[:50].mean() + 0.03
    assert np.mean(warm, axis=0)[200:].mean() > np.mean(cold, axis=0)[200:].mean() - 0.03
