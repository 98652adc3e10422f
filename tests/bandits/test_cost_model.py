"""The cost model against a naive reference, and what it is for: it tells requests apart that prices do not."""

import numpy as np
import pytest

from stream_workers.bandits import cost_model
from stream_workers.bandits.cost_model import carry, expected_costs, learned_costs, outlook_of, prepare


def fresh(prices, features, unit=0.3):
    """An outlook and a state that has seen nothing."""
    outlook = outlook_of(np.asarray(prices, float), features, unit)
    state = np.empty(outlook.numbers)
    prepare(state, outlook)
    return outlook, state


def reference(outlook, features, chosen, costs):
    """The module's formulas over whole matrices.  Expected costs before each outcome (n, K)."""
    K, u = len(outlook.units), outlook.size
    f, f_own = cost_model.FORGETTING, 3.0
    P, s, b = np.eye(u) / cost_model.RIDGE, np.zeros(u), np.zeros((K, u))
    count, evidence = np.zeros(K), np.zeros((K, u))
    seen, found = [], []
    for x, a, cost in zip(features.astype(float), chosen, costs, strict=True):

        def phi(x):
            z = np.zeros(len(x))
            if seen:
                rows = np.array(seen)
                scale = 1 / np.maximum(rows.std(0), 1e-12 + 1e-6 * np.abs(rows.mean(0))) if len(seen) > 1 else 0.0
                z = np.clip((x - rows.mean(0)) * scale, -4, 4)
            out = np.zeros(u)
            out[0] = 1.0
            np.add.at(out, 1 + outlook.slots, outlook.signs * z * 2 / np.sqrt(u - 1))
            return out

        v = phi(x)
        ratio = outlook.bases * (1 + s @ v) + b @ v
        found.append(outlook.units * np.clip(ratio, 0.05 * outlook.bases, 20.0))
        if np.isnan(cost):
            continue
        if len(seen) < 500:
            seen.append(x)
            v = phi(x)
            ratio = outlook.bases * (1 + s @ v) + b @ v
        error = np.clip(cost / outlook.units[a], 0, 20) - ratio[a]
        if outlook.bases[a] > 0:
            y = P @ v
            zeta = v @ y
            s[1:] += y[1:] * error / (1 + zeta)
            epsilon = f - (1 - f) / zeta
            P -= np.outer(y, y) * epsilon / (1 + epsilon * zeta)
        count[a] = count[a] * f + 1
        evidence[a] = evidence[a] * f + v * v
        step = v / (f_own + evidence[a])
        b[a, 1:] += step[1:] * error / (1 + step[1:] @ v[1:])
        b[a, 0] += error / (count[a] + 1)
    return np.array(found)


@pytest.mark.parametrize(("features", "prices"), [(3, [1.0, 0.1, 0.0]), (1, [2.0]), (90, [0.5, 3.0])])
def test_naive_reference(features, prices):
    """The kernel says what the formulas say, also where features are folded, and interpreted."""
    rng = np.random.default_rng(features)
    outlook, state = fresh(prices, features)
    n = 600
    x = rng.normal(size=(n, features)).astype(np.float32)
    chosen = rng.integers(0, len(prices), n)
    costs = rng.exponential(size=n) * np.exp(0.5 * x[:, 0])
    costs[rng.random(n) < 0.1] = np.nan
    expected = learned_costs(state, outlook, x, chosen, costs)
    assert expected == pytest.approx(reference(outlook, x, chosen, costs), rel=1e-6, abs=1e-9)


def test_batches_and_deciding():
    """Calls of any length lead to the same bits, and deciding expects what learning would have."""
    rng = np.random.default_rng(0)
    outlook, state = fresh([1.0, 0.1, 0.0], 4)
    _, other = fresh([1.0, 0.1, 0.0], 4)
    x = rng.normal(size=(200, 4)).astype(np.float32)
    chosen, costs = rng.integers(0, 3, 200), rng.exponential(size=200)
    whole = learned_costs(state, outlook, x, chosen, costs)
    for i in range(200):
        before = expected_costs(other, outlook, x[i : i + 1])
        one = learned_costs(other, outlook, x[i : i + 1], chosen[i : i + 1], costs[i : i + 1])
        assert before.tobytes() == one.tobytes() == whole[i].tobytes()
    assert state.tobytes() == other.tobytes()


def test_before_anything_was_seen():
    """The expected cost is the price; of an arm without one, nothing."""
    outlook, state = fresh([2.0, 0.5, 0.0], 3)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert (expected_costs(state, outlook, x) == [2.0, 0.5, 0.0]).all()


def test_learns_what_makes_a_request_dear():
    """Costs that double with a feature are told apart within 20 per cent, also of an arm that is seldom taken."""
    rng = np.random.default_rng(3)
    prices = np.array([1.0, 0.1])
    outlook, state = fresh(prices, 5)
    n = 4_000
    x = rng.uniform(-1, 1, (n, 5)).astype(np.float32)
    true = prices * (1.0 + 0.6 * x[:, :1]) * [1.0, 1.5]
    chosen = (rng.random(n) < 0.95).astype(np.int64)
    costs = true[np.arange(n), chosen] * rng.exponential(size=n)
    learned_costs(state, outlook, x, chosen, costs)
    error = np.abs(expected_costs(state, outlook, x) / true - 1.0).mean(axis=0)
    assert (error < [0.25, 0.2]).all()


def test_follows_a_price_that_was_not_declared():
    """Costs five times as high are expected after a few hundred outcomes; an arm that stands still is not touched."""
    rng = np.random.default_rng(4)
    outlook, state = fresh([1.0, 0.1], 3)
    x = rng.normal(size=(4_000, 3)).astype(np.float32)
    chosen = rng.integers(0, 2, 4_000)
    costs = np.array([1.0, 0.1])[chosen]
    learned_costs(state, outlook, x[:3_000], chosen[:3_000], costs[:3_000])
    after = np.where(chosen == 0, 5.0, 0.1)
    learned_costs(state, outlook, x[3_000:], chosen[3_000:], after[3_000:])
    now = expected_costs(state, outlook, x[:50]).mean(axis=0)
    assert now[0] > 3.0
    assert now[1] == pytest.approx(0.1, rel=0.3)


def test_nothing_winds_up():
    """A feature that stops moving, and one that never did, leave the state finite after 100,000 outcomes."""
    rng = np.random.default_rng(5)
    outlook, state = fresh([1.0], 3)
    n = 100_000
    x = np.zeros((n, 3), np.float32)
    x[:1000, 0] = rng.normal(size=1000)
    x[:, 1] = rng.normal(size=n)
    learned_costs(state, outlook, x, np.zeros(n, np.int64), rng.exponential(size=n))
    scales = slice(1 + 2 * 3, 1 + 3 * 3)  # of a feature that stands still by intent huge: any movement is at the clip
    assert np.abs(np.delete(state, scales)).max() < 1e6
    assert expected_costs(state, outlook, x[:100]).mean() == pytest.approx(1.0, rel=0.3)


def test_declared_prices_are_taken_at_their_word():
    """After a new price the expected cost is that price on average; which requests are dearer is kept, and so are arms
    whose price is the same."""
    rng = np.random.default_rng(6)
    outlook, state = fresh([1.0, 0.1], 3)
    x = rng.normal(size=(3_000, 3)).astype(np.float32)
    chosen = rng.integers(0, 2, 3_000)
    costs = np.array([2.0, 0.1])[chosen] * (1.0 + 0.5 * np.clip(x[:, 0], -1, 1))
    learned_costs(state, outlook, x, chosen, costs)
    before = expected_costs(state, outlook, x)
    later = outlook_of(np.array([0.1, 5.0, 0.7]), 3, 0.3)
    moved = np.empty(later.numbers)
    carry(state, outlook, [1, 0, -1], moved, later, [False, True, False])
    now = expected_costs(moved, later, x)
    assert now[:, 0] == pytest.approx(before[:, 1])
    assert now[:, 1].mean() == pytest.approx(5.0, rel=0.1)
    assert np.corrcoef(now[:, 1], before[:, 0])[0, 1] > 0.98
